"""Detectors as plain dictionaries: how they travel in bundles and event files, and are checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from moliere.detectors.base import Detector
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.phase_space import PhaseSpace
from moliere.detectors.surface_array import SurfaceArray
from moliere.errors import DetectorError, did_you_mean

_KINDS: dict[str, type[Detector]] = {
    "calorimeter": Calorimeter,
    "surface-array": SurfaceArray,
    "phase-space": PhaseSpace,
}


@cache
def _adapter(kind: str) -> TypeAdapter[Detector]:
    return TypeAdapter(_KINDS[kind])


def from_spec(spec: Mapping[str, Any]) -> Detector:
    """The detector that a dictionary describes; the inverse of :meth:`Detector.to_spec`.

    Raises:
        DetectorError: an unknown kind or key (the nearest is named), or a value that makes no sense.

    Example:
        >>> from_spec({"kind": "phase-space", "name": "flux", "columns": [{"name": "pz", "unit": "MeV"}]}).n_channels
        1
    """
    kind = spec.get("kind", "")
    if kind not in _KINDS:
        raise DetectorError(f"unknown kind of detector {kind!r}; {did_you_mean(str(kind), _KINDS)}")
    try:
        return _adapter(kind).validate_python(dict(spec))
    except ValidationError as error:
        raise DetectorError("; ".join(_explain(kind, dict(e)) for e in error.errors()[:3])) from None


def _explain(kind: str, error: Mapping[str, Any]) -> str:
    path = ".".join(map(str, error["loc"]))
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden") and len(error["loc"]) == 1:
        known = [field.name for field in fields(_KINDS[kind])]  # type: ignore[arg-type]
        return f"{path}: unknown key; {did_you_mean(path, known)}"
    return f"{path}: {error['msg']}, got {repr(error['input'])[:80]}"
