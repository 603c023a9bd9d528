"""A bundle → one ONNX file that describes itself and is proven to make what the model makes."""

from __future__ import annotations

import builtins
import hashlib
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from moliere.deploy.card import CARD, Card, Port, sign, unsigned
from moliere.deploy.graph import Graph
from moliere.deploy.operators import SUBSTITUTES
from moliere.deploy.parity import Function, Parity, compare
from moliere.deploy.philox import Part
from moliere.deploy.quality import check_judged, judge
from moliere.deploy.shrink import Width, shrink
from moliere.deploy.targets import TARGETS, Target, write_beside
from moliere.errors import ExportError, MissingExtra
from moliere.files import check_free, replacing
from moliere.generation.guard import fixed_columns
from moliere.models import Bundle, GenerativeModel
from moliere.models.base import Refiner
from moliere.version import installed_version

if TYPE_CHECKING:
    from onnx import ModelProto

#: of torch's exporter, whose operators both runtimes of today and consumers' of last year have
OPSET = 18
_EVENTS = 1_000
_SEED = 0
#: events that the graph is traced with; one would be taken for a fixed size
_TRACED = 3


def export(
    bundle: Bundle,
    output: str | Path,
    *,
    target: Target = "onnx",
    source: str | Path | None = None,
    batch: int | None = None,
    width: Width | None = None,
    events: int = _EVENTS,
    overwrite: bool = False,
) -> Parity:
    """Write a bundle as an ONNX file, if the file makes the same events.

    With weights of fewer bits it cannot make the same events. Then the graph as it is must make them, and the showers
    of the smaller file must be as good by the figures of the evaluation's page.

    Args:
        bundle: a trained model.
        output: file to write.
        target: the consumer that inputs and output are arranged for; what else it needs is written beside the file.
        source: the bundle's file, whose checksum is noted.
        batch: events of a call, for consumers with fixed shapes; by default any number, and one for a consumer.
        width: store weights in fewer bits; of generative models only.
        events: that are compared with torch.
        overwrite: replace the output.

    Returns:
        How well the events agree.

    Raises:
        MissingExtra: onnx, onnxscript or onnxruntime is not installed.
        OutputExists: the file exists.
        ExportError: the model has something that ONNX or the consumer cannot express, or the events differ, or they are
            worse with fewer bits; nothing is left behind.
    """
    check_free(Path(output), overwrite=overwrite)
    _check_installed()
    graph = TARGETS[target](bundle)
    if width is not None:
        check_judged(graph)
    batch = 1 if batch is None and target != "onnx" else batch
    proto = to_onnx(graph, batch)
    card = describe(graph, batch, source)
    with replacing(Path(output), overwrite=overwrite) as partial:
        partial.write_bytes(serialise(proto, card))
        parity = check(graph, partial, batch, events)
        if width is not None:
            before, card = run(partial, batch), replace(card, more={**card.more, "weights": width})
            partial.write_bytes(serialise(shrink(proto, width), card))
            parity = replace(parity, note=str(judge(graph, before, run(partial, batch))))
        write_beside(graph, Path(output), overwrite=overwrite)
    return parity


def to_onnx(graph: Graph, batch: int | None = None) -> ModelProto:
    """The graph in ONNX's operators, with its weights inside.

    Args:
        graph: of a bundle.
        batch: events of a call; by default any number.

    Raises:
        ExportError: something in it cannot be expressed.
    """
    inputs = graph.examples(batch or _TRACED, torch.Generator().manual_seed(_SEED))
    shapes = None if batch else graph.nest([{0: torch.export.Dim("events", min=1)} for _ in inputs])
    try:
        with torch.no_grad(), _symbolic_lengths(graph), _silent_exporter():
            program = torch.export.export(graph, inputs, dynamic_shapes=shapes, strict=False)
            program = program.run_decompositions(SUBSTITUTES)
            found = torch.onnx.export(
                program,
                input_names=[port.name for port in graph.inputs],
                output_names=[graph.output],
                opset_version=OPSET,
                custom_translation_table={torch.ops.aten.scalar_tensor.default: _scalar_tensor},
                dynamo=True,
                verbose=False,
                optimize=False,
            )
            assert found is not None
            _tidy(found.model)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ExportError(
            f"bundle {graph.bundle.name!r} cannot be exported: {_first_line(error)}; report this as a bug"
        ) from error
    return _named(found.model_proto)


def _scalar_tensor(s: Any, dtype: Any = 1, **other: Any) -> Any:
    """A number as a constant of its type; torch's own translation rounds all of them to single precision."""
    import onnx_ir
    from onnxscript import opset18

    del other
    value: Any = onnx_ir.tensor(s, dtype=onnx_ir.DataType(dtype))
    return opset18.Constant(value=value)


def _tidy(model: Any) -> None:
    """Compute what is constant, and leave out what is not used.

    The exporter's own way of optimising takes constants below 1e-8 for zero and drops sums with them, which is wrong
    for what is computed in double precision.
    """
    from onnx_ir.passes import common
    from onnxscript import optimizer

    passes: Any = common

    passes.InlinePass()(model)
    for _ in range(2):
        optimizer.fold_constants(model, onnx_shape_inference=True)
        passes.RemoveUnusedNodesPass()(model)
    for step in (
        passes.RemoveUnusedFunctionsPass(),
        passes.RemoveUnusedOpsetsPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.OutputFixPass(),
        passes.NameFixPass(),
    ):
        step(model)


def _named(proto: ModelProto) -> ModelProto:
    """The graph with its free dimension called ``events``, which torch gives a number that no-one knows."""
    dims = [d for port in (*proto.graph.input, *proto.graph.output) for d in port.type.tensor_type.shape.dim]
    for dim in dims:
        if dim.dim_param:
            dim.dim_param = "events"
    del proto.graph.value_info[:]  # whoever needs shapes inside infers them
    return proto


@contextmanager
def _symbolic_lengths(graph: Graph) -> Iterator[None]:
    """Within the block, ``len`` of a tensor in the code of models may be a number that is not known yet.

    Python's own ``len`` must return an integer: while a model is traced, that would fix the number of events.
    """
    roots = {type(module).__module__.partition(".")[0] for module in graph.modules()} - {"torch"}
    spaces = [vars(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] in roots]
    changed = [space for space in spaces if "len" not in space]
    for space in changed:
        space["len"] = _length
    try:
        yield
    finally:
        for space in changed:
            del space["len"]


@contextmanager
def _silent_exporter() -> Iterator[None]:
    """Without what torch's exporter warns of about itself: deprecations, packages that it does not find."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _length(values: Any) -> Any:
    return values.shape[0] if isinstance(values, Tensor) else builtins.len(values)


def describe(graph: Graph, batch: int | None = None, source: str | Path | None = None) -> Card:
    """What the file says about itself."""
    bundle, model = graph.bundle, graph.bundle.model
    latent = model.latent if isinstance(model, GenerativeModel | Refiner) else ()
    widths = {"signals": bundle.detector.n_channels, "refined": bundle.detector.n_channels}
    targets = tuple(getattr(model, "targets", ()))
    return Card(
        name=bundle.name,
        kind=graph.kind,
        model=type(model).__name__,
        target=graph.target,
        detector=bundle.detector.to_spec(),
        unit=bundle.detector.unit,
        threshold=graph.threshold,
        inputs=graph.inputs,
        output=Port(graph.output, widths.get(graph.output, len(targets)), columns=targets),
        latent=tuple(Part(part.size, part.law, part.scale, part.share) for part in latent),
        validity={name: (float(low), float(high)) for name, (low, high) in bundle.validity.items()},
        particles=tuple(model.context.particles),
        fixed=fixed_columns(bundle),
        batch=batch,
        citation=model.citation,
        moliere=installed_version(),
        bundle_sha256="" if source is None else hashlib.sha256(Path(source).read_bytes()).hexdigest(),
        more=graph.more,
    )


def serialise(proto: ModelProto, card: Card) -> bytes:
    """The file: graph, weights, card and checksum."""
    proto.producer_name, proto.producer_version = "moliere", card.moliere
    proto.doc_string = f"{card.name}: {card.model} for {card.detector.get('name', '')}; {card.citation}"
    del proto.metadata_props[:]
    for key, value in {CARD: card.to_json(), **unsigned()}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = proto.SerializeToString(deterministic=True)
    return sign(content)


def check(graph: Graph, path: Path, batch: int | None, events: int) -> Parity:
    """Compare what an exported file makes with what its model makes.

    Raises:
        ExportError: they differ.
    """
    inputs = graph.examples(events, torch.Generator().manual_seed(_SEED))
    return compare(lambda values: graph(*values), run(path, batch), inputs, graph.threshold)


def run(path: Path, batch: int | None = None) -> Function:
    """The function that a file holds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]

    def call(values: Sequence[Tensor]) -> Tensor:
        fed: Mapping[str, Any] = dict(zip(names, (v.numpy() for v in values), strict=True))
        return torch.from_numpy(session.run(None, fed)[0])

    def call_in_batches(values: Sequence[Tensor]) -> Tensor:
        size = batch or 1
        parts = zip(*(_padded(v, size).split(size) for v in values), strict=True)
        return torch.cat([call(part) for part in parts])[: len(values[0])]

    return call if batch is None else call_in_batches


def _padded(values: Tensor, size: int) -> Tensor:
    """Whole batches: the last event is repeated."""
    missing = -len(values) % size
    return torch.cat([values, values[-1:].expand(missing, -1)])


def _check_installed() -> None:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f'{error.name} is needed to export: pip install "moliere[onnx]"') from error
    del onnx, onnxruntime


def _first_line(error: BaseException) -> str:
    """The innermost cause, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
