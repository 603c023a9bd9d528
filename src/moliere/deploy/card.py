"""What an exported file says about itself: written by the export, read by the runtime, without torch.

It stands as one JSON text in the file's metadata, beside a checksum of the whole file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from moliere.deploy.philox import Part
from moliere.errors import BundleError

#: keys of the file's metadata
CARD, CHECKSUM = "moliere", "moliere-sha256"
#: raised when a reader of the old layout would misunderstand a new file
FORMAT_VERSION = 1

_NO_SUM = "0" * 64
#: what stands before a checksum in the file: its key, and what protobuf writes between a key and 64 letters
_PLACE = re.compile(re.escape(CHECKSUM.encode()) + rb"\x12\x40([0-9a-f]{64})")


@dataclass(frozen=True)
class Port:
    """An input or the output of the graph.

    Args:
        name: in the file.
        width: numbers of an event.
        dtype: float32 or float64.
        columns: what they are, where each has a name.
    """

    name: str
    width: int
    dtype: str = "float32"
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """An exported model, described.

    Args:
        name: of the bundle.
        kind: generative, refiner or reconstructor.
        model: class of the model.
        target: consumer that inputs and output are arranged for; ``onnx`` where it is none in particular.
        detector: its specification.
        unit: of the signals.
        threshold: smallest signal in that unit; smaller ones come out as 0.
        inputs: of the graph, in their order.
        output: of the graph.
        latent: parts of the latent, in their order.
        validity: smallest and largest value of each condition column in the sample trained on, in MeV, rad, …
        particles: PDG identifiers in the training sample.
        fixed: incident columns that had one value in all training events.
        batch: events of a call; ``None`` takes any number.
        citation: the paper to cite.
        moliere: version that wrote the file.
        bundle_sha256: of the bundle's file.
        more: what a target adds.
    """

    name: str
    kind: str
    model: str
    target: str
    detector: Mapping[str, Any]
    unit: str
    threshold: float
    inputs: tuple[Port, ...]
    output: Port
    latent: tuple[Part, ...]
    validity: Mapping[str, tuple[float, float]]
    particles: tuple[int, ...]
    fixed: Mapping[str, float]
    batch: int | None
    citation: str
    moliere: str
    bundle_sha256: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Incident columns that the model is conditioned on."""
        return next((port.columns for port in self.inputs if port.name == "condition"), ())

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, sort_keys=True)


def read_card(path: Path, metadata: Mapping[str, str]) -> Card:
    """The card of an exported file, after a look at the version and at the checksum.

    Args:
        path: the file.
        metadata: as the file has it.

    Raises:
        BundleError: there is none, of a newer version, or the file was changed.
    """
    if CARD not in metadata:
        raise BundleError(f"{path} is an ONNX file without moliere's metadata; export a bundle with: moliere export")
    try:
        table = json.loads(metadata[CARD])
        if table["format_version"] > FORMAT_VERSION:
            raise BundleError(
                f"{path} was written by moliere {table['moliere']} (export format {table['format_version']}); this "
                f"version reads up to {FORMAT_VERSION}: upgrade with pip install -U moliere"
            )
        check_sum(path)
        return _card(table)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else "cannot be read"
        raise BundleError(
            f"{path} was changed after it was exported: its metadata {reason}; export it again"
        ) from error


def _card(table: dict[str, Any]) -> Card:
    known = {key.name: table[key.name] for key in fields(Card)}
    known["inputs"] = tuple(_port(port) for port in table["inputs"])
    known["output"] = _port(table["output"])
    known["latent"] = tuple(Part(**part) for part in table["latent"])
    known["validity"] = {name: (float(low), float(high)) for name, (low, high) in table["validity"].items()}
    known["particles"] = tuple(table["particles"])
    return Card(**known)


def _port(table: Mapping[str, Any]) -> Port:
    return Port(**{**table, "columns": tuple(table["columns"])})


def sign(content: bytes) -> bytes:
    """A serialised file in which the checksum's place holds the checksum of the rest.

    Args:
        content: with 64 zeros under :data:`CHECKSUM`.

    Raises:
        BundleError: there is no such place, or more than one.
    """
    start, end = _place(content)
    return content[:start] + _digest(content, start, end).encode() + content[end:]


def unsigned() -> dict[str, str]:
    """Metadata that :func:`sign` fills in."""
    return {CHECKSUM: _NO_SUM}


def check_sum(path: Path) -> None:
    """Refuse a file that is not what was exported.

    Raises:
        BundleError: it was changed, truncated, or holds no checksum.
    """
    content = path.read_bytes()
    start, end = _place(content)
    if content[start:end].decode() != _digest(content, start, end):
        raise BundleError(f"{path} was changed after it was exported: its checksum does not fit; export it again")


def _place(content: bytes) -> tuple[int, int]:
    found = list(_PLACE.finditer(content))
    if len(found) != 1:
        raise BundleError(f"the file has {len(found)} places for a checksum, expected one; export it again")
    return found[0].span(1)


def _digest(content: bytes, start: int, end: int) -> str:
    digest = hashlib.sha256(content[:start])
    digest.update(_NO_SUM.encode())
    digest.update(content[end:])
    return digest.hexdigest()
