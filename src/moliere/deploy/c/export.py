"""A bundle → C99, proven against torch where a C compiler is at hand."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moliere.deploy.c.header import header_of
from moliere.deploy.c.library import OPTIONS, Library, compile_c, find_compiler
from moliere.deploy.c.write import Source, save, translate
from moliere.deploy.graph import Generation, as_graph
from moliere.deploy.onnx import describe, to_onnx
from moliere.deploy.parity import Function, Parity, compare
from moliere.errors import ExportError
from moliere.files import check_free
from moliere.models import Bundle

_EVENTS = 1_000
_SEED = 0


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
    parity = check(graph, text, events)
    save(text, folder, overwrite=overwrite)
    return parity


def check(graph: Generation, source: Source, events: int) -> Parity | None:
    """Compare showers of compiled C with those of the model; ``None`` where there is no compiler.

    Raises:
        BundleError: they differ.
    """
    compiler = find_compiler()
    if compiler is None:
        return None
    inputs = graph.examples(events, torch.Generator().manual_seed(_SEED))
    with tempfile.TemporaryDirectory() as folder:
        library = build(source, Path(folder), compiler)
        return compare(lambda values: graph(*values), as_function(library), inputs, graph.threshold)


def build(source: Source, folder: Path, compiler: str | None = None, options: Sequence[str] = OPTIONS) -> Library:
    """Generated C as a library that can be called.

    Raises:
        ExportError: there is no compiler, or it refuses the code.
    """
    save(source, folder, overwrite=True)
    path = compile_c(folder / f"{source.name}.c", folder, compiler, options)
    return Library(path, source.header, source.weights)


def as_function(library: Library) -> Function:
    """The same with tensors: latent and, maybe, condition → signals."""

    def call(values: Sequence[Tensor]) -> Tensor:
        condition = values[1].numpy() if len(values) > 1 else np.zeros((len(values[0]), 0))
        return torch.from_numpy(library.generate(values[0].numpy(), condition))

    return call
