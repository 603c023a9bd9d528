"""Small pretrained bundles that come with the package, so that a shower is one command away."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from moliere.errors import BundleError, did_you_mean


def bundle_paths() -> dict[str, Path]:
    """Shipped bundles by name."""
    folder = Path(str(resources.files("moliere.weights")))
    return {path.stem: path for path in sorted(folder.glob("*.bundle"))}


def find_bundle(name: str | Path) -> Path:
    """The shipped bundle of that name, or the path itself.

    Raises:
        BundleError: there is no such file, and the name is nearly that of a shipped bundle.
    """
    known = bundle_paths()
    path = known.get(str(name), Path(name))
    nearest = did_you_mean(str(name), known)
    if nearest.startswith("did") and not path.exists():
        raise BundleError(f"no bundle {name}; {nearest}")
    return path
