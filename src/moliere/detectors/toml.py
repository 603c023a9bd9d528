"""Detectors as TOML files that a physicist can write.

Tables and keys are the fields of the detector's class, one of :data:`moliere.detectors.base.kinds`, with four
conveniences: regular edges as ``{start, stop, bins}``; ``xml`` takes the layers from a CaloChallenge binning file
beside the TOML file (``layer_settings`` then adds to them by position); ``[[layers]]`` may be repeated; and
``[[stack]]`` repeats a group of plates, each ``[material, thickness in mm]`` with ``"active"`` for what is read out.
With ``advance = true`` every repetition belongs to the next layer::

    kind = "calorimeter"
    name = "toy"

    [[layers]]
    id = 0
    sampling_fraction = 0.2
    grid = {kind = "cartesian", x_edges = {start = -50, stop = 50, bins = 10}, y_edges = [-50, 0, 50]}

    [[stack]]
    repeat = 15
    layer = 0
    plates = [["G4_Pb", 1.5], ["G4_lAr", 4.2, "active"]]

Arrays take ``layout = {n, spacing, height, layout}`` instead of ``positions``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moliere.config import Table
from moliere.detectors.base import Detector, kinds
from moliere.detectors.calorimeter import Layer
from moliere.detectors.spec import from_spec, known_keys
from moliere.detectors.surface_array import station_positions
from moliere.detectors.xml import read_xml
from moliere.errors import DetectorError, did_you_mean

_STACK_KEYS = {"repeat", "layer", "advance", "plates"}
_LAYOUT_KEYS = {"n", "spacing", "height", "layout"}
_SETTING_KEYS = {*known_keys(Layer), "positions"}
_CONVENIENCES = {"xml", "layer_settings", "layout"}
#: layers or plates that one ``repeat`` makes
_MOST_REPEATS = 10_000
#: bytes of a file, and dots of a key, with which the parser does not get lost for minutes
_MOST_BYTES, _MOST_DOTS = 4 * 2**20, 100


def read_toml(path: Path) -> Detector:
    """Read a detector.

    Raises:
        DetectorError: not TOML, an unknown key (the nearest is named), a value that makes no sense.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DetectorError(f"{path} is larger than {_MOST_BYTES:,} bytes, which no description of a detector is")
        text = path.read_text()
        if any(key.count(".") > _MOST_DOTS for key in re.findall(r"[^\s=\[\]]{200,}", text)):
            raise DetectorError(f"{path} has a key of more than {_MOST_DOTS} dots")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise DetectorError(f"no file {path}") from None
    except OSError as error:
        raise DetectorError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DetectorError(f"{path} is not valid TOML: {error}") from None
    return from_table(table, path.parent, str(path))


def from_table(table: Mapping[str, Any], folder: Path, where: str) -> Detector:
    """A detector from what a TOML file holds; ``folder`` is where its XML file lies, ``where`` is for messages."""
    spec = {"kind": "calorimeter", **table}
    try:
        _check_keys(spec, _CONVENIENCES.union(*map(known_keys, kinds.values())))
        if "xml" in spec:
            spec["layers"] = _layers_from_xml(folder / spec.pop("xml"), spec.pop("layer_settings", []))
        elif "layers" in spec:
            spec["layers"] = [layer for entry in _tables(spec, "layers") for layer in _repeat_layer(entry)]
        if "stack" in spec:
            spec["stack"] = [plate for block in _tables(spec, "stack") for plate in _expand_block(block)]
        if "layout" in spec:
            _check_keys(spec["layout"], _LAYOUT_KEYS, "layout.")
            spec["positions"] = station_positions(**spec.pop("layout"))
        return from_spec(spec)
    except (DetectorError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DetectorError(f"{where}: {error}") from None


def _repeat_layer(entry: Mapping[str, Any]) -> list[Table]:
    """``repeat = n`` makes n layers that count up from ``id``."""
    rest = {key: value for key, value in entry.items() if key != "repeat"}
    return [{**rest, "id": rest.get("id", 0) + k} for k in range(_repeats(entry, "layers"))]


def _repeats(table: Mapping[str, Any], where: str) -> int:
    number = table.get("repeat", 1)
    if not isinstance(number, int) or not 0 <= number <= _MOST_REPEATS:
        raise DetectorError(f"{where}: repeat = {number!r}; expected a whole number up to {_MOST_REPEATS:,}")
    return number


def _layers_from_xml(path: Path, settings: list[Mapping[str, Any]]) -> list[Table]:
    from pydantic import TypeAdapter

    layers = TypeAdapter(tuple[Layer, ...]).dump_python(read_xml(path).layers, mode="json")
    for extra in settings:
        _check_keys(extra, _SETTING_KEYS, "layer_settings.")
        for position in extra.get("positions", range(len(layers))):
            if position not in range(len(layers)):
                raise DetectorError(f"layer_settings: position {position}, but {path.name} has {len(layers)} layers")
            layers[position].update({key: value for key, value in extra.items() if key != "positions"})
    return list(layers)


def _expand_block(block: Mapping[str, Any]) -> list[Table]:
    _check_keys(block, _STACK_KEYS, "stack.")
    if "plates" not in block:
        raise DetectorError("stack: 'plates' is missing; expected plates = [[\"material\", thickness], ...]")
    plates = []
    for k in range(_repeats(block, "stack")):
        layer = block.get("layer", -1) + (k if block.get("advance", False) else 0)
        plates += [{**_read_plate(plate), "layer": layer} for plate in block["plates"]]
    return plates


def _read_plate(plate: Any) -> Table:
    if not isinstance(plate, list) or len(plate) not in (2, 3) or plate[2:] not in ([], ["active"]):
        raise DetectorError(f'a plate is ["material", thickness] or ["material", thickness, "active"], got {plate}')
    return {"material": plate[0], "thickness": plate[1], "active": len(plate) == 3}


def _tables(spec: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    if not isinstance(spec[key], list):
        raise DetectorError(f"{key}: expected tables under [[{key}]], got {repr(spec[key])[:80]}")
    for entry in spec[key]:
        if not isinstance(entry, Mapping):
            raise DetectorError(f"{key}: expected tables under [[{key}]], got {entry!r}")
    return list(spec[key])


def _check_keys(table: Any, known: set[str], where: str = "") -> None:
    if not isinstance(table, Mapping):
        raise DetectorError(f"{where.rstrip('.')}: expected a table, got {repr(table)[:80]}")
    for key in table:
        if key not in known:
            raise DetectorError(f"{where}{key}: unknown key; {did_you_mean(key, known)}")
