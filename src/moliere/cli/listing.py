"""``moliere list``: everything that has a name."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from moliere.cli import complete
from moliere.cli.options import Overwrite, console, examples
from moliere.errors import UnknownName, did_you_mean
from moliere.plugins import GROUP

Rows = Iterable[tuple[str, str]]


@examples("moliere list detectors", "moliere list detectors calogan --picture calogan.png")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="detectors, recipes, pipelines, samples, bundles, models, simulators, formats, observables …",
            autocompletion=lambda incomplete: [key for key in _LISTS if key.startswith(incomplete)],
        ),
    ] = "",
    name: Annotated[
        str | None,
        typer.Argument(help="After detectors: show this one (name, .toml or .xml).", autocompletion=complete.detectors),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw the detector to this PNG, SVG or PDF.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """List what there is by name; lengths in mm, energies in MeV."""
    if what and what not in _LISTS:
        raise UnknownName(f"nothing is listed under {what!r}; {did_you_mean(what, _LISTS)}")
    if what == "detectors" and name is not None:
        _show_detector(name, picture, overwrite=overwrite)
        return
    for key in [what] if what else _LISTS:
        if not what:
            console.print(key, style="bold")
        rows = list(_LISTS[key]())
        width = max([24, *(len(entry) for entry, _ in rows)]) + 2
        for entry, summary in rows:
            console.print(f"  {entry:<{width}}{summary}")


def _show_detector(name: str, picture: Path | None, *, overwrite: bool) -> None:
    from moliere.detectors import load

    detector = load(name)
    console.print(detector.describe())
    if picture is not None:
        from moliere.report import save_picture

        console.print(f"picture: {save_picture(detector, picture, overwrite=overwrite)}")


def _detectors() -> Rows:
    from moliere.detectors import catalog

    return [(name, getattr(catalog.get(name), "description", "")) for name in catalog.names()]


def _recipes() -> Rows:
    from moliere.config import read_toml

    return [(path.stem, read_toml(path).get("description", "")) for path in sorted(_room("recipes").glob("*.toml"))]


def _pipelines() -> Rows:
    from moliere.config import read_toml
    from moliere.pipelines.names import pipeline_files

    return [(name, read_toml(path).get("description", "")) for name, path in pipeline_files().items()]


def _samples() -> Rows:
    from moliere import samples
    from moliere.events.events import describe_source

    return [(name, describe_source(samples.open(name))) for name in samples.names()]


def _bundles() -> Rows:
    from moliere.weights import bundle_paths

    for name, path in bundle_paths().items():
        yield name, _description_in(path)


def _description_in(bundle: Path) -> str:
    """What the header of a bundle says of it: the weights are not read, and torch is not imported."""
    with bundle.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    about = json.loads(header["__metadata__"]["moliere"])
    return str(about["recipe"].get("description", ""))


def _room(name: str) -> Path:
    return Path(str(resources.files("moliere"))) / name


def _declared(room: str, registry: str, module: str) -> Callable[[], Rows]:
    """Rows of a registry whose room takes seconds to import, read from its source; plugins need the import.

    Args:
        room: folder of the files that register things with a decorator.
        registry: name of the registry in these files.
        module: where it is found by importing.
    """

    def rows() -> Rows:
        if entry_points(group=GROUP):
            return _registry(module, registry)()
        found = (pair for path in _room(room).rglob("*.py") for pair in _decorated(path, registry))
        return sorted(found)

    return rows


def _decorated(path: Path, registry: str) -> Rows:
    """Names and first lines of what a file registers with ``@registry.register("name")``."""
    text = path.read_text(encoding="utf-8")
    if f"@{registry}.register(" not in text:
        return
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == f"{registry}.register":
                    yield ast.literal_eval(call.args[0]), (ast.get_docstring(node) or "").split("\n")[0]


def _registry(module: str, name: str) -> Callable[[], Rows]:
    """Rows of a registry: names with the first line of what is registered."""

    def rows() -> Rows:
        from importlib import import_module

        registry = getattr(import_module(module), name)
        return [(key, _summary(value)) for key, value in registry.items()]

    return rows


def _summary(thing: Any) -> str:
    text = getattr(thing, "summary", None) or getattr(thing, "label", None) or getattr(thing, "__doc__", None) or ""
    return str(text).strip().split("\n")[0]


_LISTS: dict[str, Callable[[], Rows]] = {
    "detectors": _detectors,
    "recipes": _recipes,
    "pipelines": _pipelines,
    "samples": _samples,
    "bundles": _bundles,
    "models": _declared("models", "models", "moliere.models"),
    "simulators": _registry("moliere.simulators", "simulators"),
    "physics": _registry("moliere.simulators.geant4.physics", "PHYSICS_LISTS"),
    "formats": _registry("moliere.events.formats", "formats"),
    "transforms": _declared("preprocess", "transforms", "moliere.preprocess"),
    "solvers": _declared("models/networks", "solvers", "moliere.models.networks.flow_matching"),
    "observables": _registry("moliere.evaluation.observables", "observables"),
    "classifiers": _declared("evaluation", "classifiers", "moliere.evaluation.classifier"),
}
