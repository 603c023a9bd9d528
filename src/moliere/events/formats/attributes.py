"""What moliere adds to the attributes of published HDF5 layouts: the detector and the provenance.

Other readers pass over attributes that they do not know, so the layouts stay what they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import h5py

from moliere.detectors import Detector, from_spec
from moliere.events.events import provenance_of

DETECTOR, PROVENANCE = "detector_spec", "provenance"


def write_detector(file: h5py.File, detector: Detector) -> None:
    """Record what was read out; the name alone too, for people."""
    file.attrs["detector"] = detector.name
    file.attrs[DETECTOR] = json.dumps(detector.to_spec())


def write_provenance(file: h5py.File, metadata: Mapping[str, Any]) -> None:
    """Record where events come from."""
    file.attrs[PROVENANCE] = json.dumps(provenance_of(metadata), default=str)


def recorded_detector(file: h5py.File) -> Detector | None:
    """The detector that moliere recorded; none in files of other programs."""
    spec = _table(file, DETECTOR)
    return from_spec(spec) if spec else None


def recorded_provenance(file: h5py.File) -> dict[str, Any]:
    """The provenance that moliere recorded; empty in files of other programs."""
    return _table(file, PROVENANCE)


def _table(file: h5py.File, key: str) -> dict[str, Any]:
    with suppress(KeyError, TypeError, ValueError, RecursionError):
        table = json.loads(file.attrs[key])
        if isinstance(table, dict):
            return table
    return {}
