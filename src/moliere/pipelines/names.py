"""Names that come with the package, found without importing what takes seconds."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from moliere.detectors import catalog
from moliere.pipelines.verbs import Kind

#: what a name stands for → folder of the package, and ending of the files in it
_SHIPPED = {"events": ("samples", ".h5"), "recipe": ("recipes", ".toml"), "bundle": ("weights", ".bundle")}
#: bytes; no header of a bundle is longer
_HEADER = 2**26


def shipped(kind: Kind) -> tuple[str, ...]:
    """Samples, detectors, recipes or bundles that are known by their name."""
    if kind == "detector":
        return catalog.names()
    return tuple(path.stem for path in _files(*_SHIPPED[kind])) if kind in _SHIPPED else ()


def recipe_file(name: str, base: Path) -> Path:
    """The file of a recipe, shipped or a user's own."""
    own = {path.stem: path for path in _files(*_SHIPPED["recipe"])}
    return own.get(name, base / name)


def bundle_name(path: Path) -> str:
    """The name in the header of a bundle, without torch; of one that cannot be read, its file's."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), _HEADER)))
        return str(json.loads(header["__metadata__"]["moliere"])["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return path.stem


def pipeline_files() -> dict[str, Path]:
    """Shipped pipelines by name."""
    return {path.stem: path for path in _files("pipelines/shipped", ".toml")}


def _files(room: str, ending: str) -> list[Path]:
    return sorted((Path(str(resources.files("moliere"))) / room).glob(f"*{ending}"))
