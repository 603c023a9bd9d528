"""Small pretrained bundles that come with the package, so that a shower is one command away."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def bundle_paths() -> dict[str, Path]:
    """Shipped bundles by name."""
    folder = Path(str(resources.files("moliere.weights")))
    return {path.stem: path for path in sorted(folder.glob("*.bundle"))}


def find_bundle(name: str | Path) -> Path:
    """The shipped bundle of that name, or the path itself."""
    return bundle_paths().get(str(name), Path(name))
