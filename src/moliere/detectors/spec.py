"""Detectors as plain dictionaries: how they travel in bundles and event files, and are checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from moliere.detectors.base import Detector, kinds
from moliere.errors import DetectorError, did_you_mean

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")


@cache
def _adapter(kind: str) -> TypeAdapter[Detector]:
    return TypeAdapter(kinds[kind])


def from_spec(spec: Mapping[str, Any]) -> Detector:
    """The detector that a dictionary describes; the inverse of :meth:`Detector.to_spec`.

    Raises:
        DetectorError: an unknown kind or key (the nearest is named), or a value that makes no sense.

    Example:
        >>> from_spec({"kind": "phase-space", "name": "flux", "columns": [{"name": "pz", "unit": "MeV"}]}).n_channels
        1
    """
    if not isinstance(spec, Mapping):
        raise DetectorError(f"a detector is described by a table, got {repr(spec)[:80]}")
    kind = spec.get("kind", "")
    if not isinstance(kind, str) or kind not in kinds:
        raise DetectorError(f"unknown kind of detector {repr(kind)[:80]}; {did_you_mean(str(kind), kinds)}")
    try:
        return _adapter(kind).validate_python({str(key): value for key, value in spec.items()})
    except ValidationError as error:
        # a mistyped key is also a missing one: what was typed is said first
        found = sorted(error.errors(), key=lambda e: e["type"] not in _UNKNOWN_KEY)
        raise DetectorError("; ".join(_explain(kind, dict(e)) for e in found[:3])) from None
    except (TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        if isinstance(error, DetectorError):
            raise
        raise DetectorError(f"a detector of kind {kind} cannot be made of this description: {error}") from None


def known_keys(owner: type[Any]) -> list[str]:
    """The keys that a table may have, which are the fields of its dataclass."""
    return [field.name for field in fields(owner)]


def _explain(kind: str, error: Mapping[str, Any]) -> str:
    path = ".".join(map(str, error["loc"]))
    if error["type"] in _UNKNOWN_KEY:
        *above, key = error["loc"]
        parts = kinds[kind].parts
        owner = next((parts[part] for part in reversed(above) if part in parts), kinds[kind])
        return f"{path}: unknown key; {did_you_mean(str(key), known_keys(owner))}"
    return f"{path}: {error['msg']}, got {repr(error['input'])[:80]}"
