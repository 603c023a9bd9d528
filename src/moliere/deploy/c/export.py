"""A bundle → C99, proven against torch where a C compiler is at hand."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moliere.deploy.c.header import Header, header_of
from moliere.deploy.c.write import Source, save, translate
from moliere.deploy.graph import Generation, as_graph
from moliere.deploy.onnx import describe, to_onnx
from moliere.deploy.parity import Parity, compare
from moliere.errors import ExportError
from moliere.files import check_free
from moliere.models import Bundle

_EVENTS = 1_000
_SEED = 0
#: without an option for the machine, as a library that is handed on is compiled
_OPTIONS = ("-std=c99", "-O2", "-fPIC", "-shared")


def export(
    bundle: Bundle,
    folder: str | Path,
    *,
    source: str | Path | None = None,
    beside: bool = False,
    events: int = _EVENTS,
    overwrite: bool = False,
) -> Parity | None:
    """Write a generative model as NAME.h and NAME.c, if they make the same showers.

    Args:
        bundle: a trained model.
        folder: where the files go.
        source: the bundle's file, whose checksum is noted.
        beside: the weights go into NAME.bin instead of into the code.
        events: that are compared with torch.
        overwrite: replace files of these names.

    Returns:
        How well the showers agree; ``None`` where there is no C compiler to try it with.

    Raises:
        ExportError: the model is no generative model, or has something that is not written in C.
        BundleError: the showers differ; nothing is left behind.
        OutputExists: a file is there.
    """
    graph = as_graph(bundle.model, bundle)
    if not isinstance(graph, Generation):
        raise ExportError(
            f"bundle {bundle.name!r} holds a {graph.kind}; C is written for generative models only: export it as ONNX"
        )
    header = header_of(describe(graph, None, source), bundle.detector)
    for suffix in (".h", ".c", *((".bin",) if beside else ())):
        check_free(Path(folder) / f"{header.prefix}{suffix}", overwrite=overwrite)
    text = translate(to_onnx(graph, 1), header, beside=beside)
    parity = check(graph, header, text, events)
    save(text, folder, overwrite=overwrite)
    return parity


def check(graph: Generation, header: Header, source: Source, events: int) -> Parity | None:
    """Compare showers of compiled C with those of the model; ``None`` where there is no compiler.

    Raises:
        BundleError: they differ.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    inputs = graph.examples(events, torch.Generator().manual_seed(_SEED))
    with tempfile.TemporaryDirectory() as folder:
        library = Library(compile_c(source, Path(folder), compiler), header, source)
        return compare(lambda values: graph(*values), library, inputs, graph.threshold)


def compile_c(source: Source, folder: Path, compiler: str, options: Sequence[str] = _OPTIONS) -> Path:
    """A shared library of generated C.

    Raises:
        ExportError: the compiler refuses it.
    """
    save(source, folder, overwrite=True)
    command = [compiler, *options, f"{source.name}.c", "-o", f"{source.name}.so", "-lm"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if outcome.returncode:
        raise ExportError(f"{compiler} does not compile the C code: {outcome.stderr[:500]}; report this as a bug")
    return folder / f"{source.name}.so"


class Library:
    """The function of a compiled model: latent (n, size), condition (n, columns) → signals (n, channels).

    Args:
        path: of the shared library.
        header: what stands in the header.
        source: which was compiled.
    """

    def __init__(self, path: Path, header: Header, source: Source) -> None:
        self._generate = getattr(ctypes.CDLL(str(path)), f"{header.prefix}_generate")
        self._weights = () if source.weights is None else (np.frombuffer(source.weights, "<f4"),)
        self._channels, self._workspace = source.channels, np.zeros(source.workspace, np.uint8)

    def __call__(self, values: Sequence[Tensor]) -> Tensor:
        """Signals."""
        latent = np.ascontiguousarray(values[0].numpy(), np.float32)
        condition = np.ascontiguousarray(values[1].numpy() if len(values) > 1 else np.zeros(1), np.float64)
        signals = np.empty((len(latent), self._channels), np.float32)
        first = (*self._weights, latent, condition)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*first, signals, self._workspace)]
        self._generate(*pointers[: len(first)], ctypes.c_int(len(latent)), *pointers[len(first) :])
        return torch.from_numpy(signals)
