"""A bundle as Geant4 knows it: which tracks it makes showers of, and the showers."""

from __future__ import annotations

import hashlib
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moliere.deploy import philox
from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.errors import BundleError
from moliere.events.directions import to_angles, to_vectors
from moliere.generation.guard import fixed_columns, is_inside
from moliere.models import Bundle, GenerativeModel, load_bundle
from moliere.preprocess import condition_matrix
from moliere.production import Worker
from moliere.simulators.base import simulate_from
from moliere.simulators.geant4 import Geant4
from moliere.simulators.geant4.fast import Reason, Tracks
from moliere.simulators.incident import particle_name
from moliere.units import Quantity, format_energy, parse_angle, span
from moliere.weights import find_bundle

#: what a track says of itself
_COLUMNS = {"energy", "pdg_id", "theta", "phi"}
#: showers decoded at once: bounds memory
_AT_ONCE = 1024
#: so much energy in MeV is simulated in full to compare: under a second
_PILOT = 20e3


@dataclass(frozen=True, repr=False)
class BundleShowers:
    """Showers of a trained model for tracks in Geant4; see :class:`~moliere.simulators.geant4.fast.FastShowers`.

    The latent of a shower follows from the numbers of run, event and track, so that it depends neither on the showers
    that are made with it nor on their order.

    Args:
        bundle: a generative model of a calorimeter, conditioned on energy and, maybe, particle and angles.
        tolerance: how far in rad a track may fly from the direction that all training events had.

    Raises:
        BundleError: a model that tracks cannot be handed to.
    """

    bundle: Bundle
    tolerance: float

    def __post_init__(self) -> None:
        """Fail at once, not in the middle of a run."""
        bundle = self.bundle
        if not isinstance(bundle.model, GenerativeModel) or not isinstance(bundle.detector, Calorimeter):
            kind = f"a {type(bundle.model).__name__} of a {bundle.detector.kind}"
            raise BundleError(f"bundle {bundle.name!r} holds {kind}; Geant4 needs a generative model of a calorimeter")
        if "energy" not in bundle.columns or (strange := sorted(set(bundle.columns) - _COLUMNS)):
            reason = f", and a track does not say its {' and '.join(strange)}" if "energy" in bundle.columns else ""
            raise BundleError(
                f"bundle {bundle.name!r} is conditioned on {' and '.join(bundle.columns) or 'nothing'}{reason}; Geant4 "
                "needs a model that is conditioned on energy and, at most, on pdg_id, theta and phi"
            )
        if not self.particles:
            raise BundleError(
                f"bundle {bundle.name!r} does not say which particles it makes showers of; train it on events with a "
                "column pdg_id, or name the particles in the detector's description"
            )

    @property
    def name(self) -> str:
        """The bundle's."""
        return self.bundle.name

    @property
    def detector(self) -> Calorimeter:
        """The bundle's."""
        detector = self.bundle.detector
        assert isinstance(detector, Calorimeter)
        return detector

    @property
    def knows(self) -> str:
        """Particles, energies, directions."""
        low, high = self.bundle.validity["energy"]
        kinds = " and ".join(map(particle_name, self.particles))
        angles = [name for name in ("theta", "phi") if name in self.bundle.columns]
        ends = [
            f"{name} {math.degrees(first):.3g} – {math.degrees(last):.3g}°"
            for name in angles
            for first, last in [self.bundle.validity[name]]
        ]
        if len(angles) < 2:
            usual = "the training's direction" if {"theta", "phi"} & {*angles, *self._fixed} else "straight in"
            ends.append(f"within {math.degrees(self.tolerance):.3g}° of {usual}")
        return f"{kinds} of {format_energy(low)} – {format_energy(high)}, {', '.join(ends)}"

    @cached_property
    def particles(self) -> tuple[int, ...]:
        """PDG identifiers of the training events."""
        if "pdg_id" in self.bundle.columns:
            return tuple(sorted(self.bundle.model.context.particles))
        fixed = fixed_columns(self.bundle)
        return (int(fixed["pdg_id"]),) if "pdg_id" in fixed else self.detector.particles

    def refuses(self, pdg_id: int, energy: float, direction: Sequence[float]) -> Reason | None:
        """Outside the bundle's range of validity."""
        if pdg_id not in self.particles:
            return "particle"
        if not is_inside(np.array(energy), self.bundle.validity["energy"]):
            return "energy"
        track = np.array([direction], np.float64)
        angles = dict(zip(("theta", "phi"), to_angles(track), strict=True))
        for name in self._angles:
            if not is_inside(angles[name], self.bundle.validity[name]):
                return "direction"
        cosine = float(np.clip((track * self.axes(track)).sum(), -1, 1))
        return "direction" if math.acos(cosine) > self.tolerance else None

    def axes(self, direction: Floats) -> Floats:
        """The track's angles where the model is conditioned on them, else those of the training events."""
        angles = dict(zip(("theta", "phi"), to_angles(direction), strict=True))
        for name, usual in (("theta", math.pi / 2), ("phi", 0.0)):
            if name not in self._angles:
                angles[name] = np.full(len(direction), self._fixed.get(name, usual))
        return to_vectors(angles["theta"], angles["phi"])

    @torch.inference_mode()
    def make(self, tracks: Tracks) -> NDArray[np.float32]:
        """Decode all tracks together."""
        theta, phi = to_angles(tracks.direction)
        incident = {"energy": tracks.energy, "pdg_id": tracks.pdg_id, "theta": theta, "phi": phi}
        condition = condition_matrix(incident, self.bundle.columns)
        model = self.bundle.model.eval()
        assert isinstance(model, GenerativeModel)
        pieces = [
            model.decode(self._latent(model, tracks, rows), torch.from_numpy(condition[rows])).numpy()
            for rows in (slice(start, start + _AT_ONCE) for start in range(0, len(tracks), _AT_ONCE))
        ]
        return np.asarray(np.maximum(np.concatenate(pieces), 0))

    def _latent(self, model: GenerativeModel, tracks: Tracks, rows: slice) -> torch.Tensor:
        parts = [philox.Part(part.size, part.law, part.scale, part.share) for part in model.latent]
        return torch.from_numpy(philox.draw(parts, *tracks.key[rows].T))

    @cached_property
    def _angles(self) -> tuple[str, ...]:
        return tuple(name for name in ("theta", "phi") if name in self.bundle.columns)

    @cached_property
    def _fixed(self) -> dict[str, float]:
        return fixed_columns(self.bundle)

    @cached_property
    def _packed(self) -> bytes:
        """The bundle as plain bytes: torch would send its tensors through memory that the other process cannot open."""
        return pickle.dumps(Bundle(**{name: getattr(self.bundle, name) for name in Bundle.__dataclass_fields__}))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker process."""
        return _unpack, (self._packed, self.tolerance)

    def __repr__(self) -> str:
        """What decides the result."""
        digest = hashlib.sha256()
        for name, values in sorted(self.bundle.model.state_dict().items()):
            digest.update(
                name.encode() + values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            )
        settings = self.bundle.model.config.to_table()
        return f"BundleShowers({self.name}, {settings}, {digest.hexdigest()[:16]}, tolerance={self.tolerance:g})"


def _unpack(packed: bytes, tolerance: float) -> BundleShowers:
    return BundleShowers(pickle.loads(packed), tolerance)


def fast_showers(bundle: str | Path | Bundle, *, tolerance: Quantity = "1deg") -> BundleShowers:
    """A trained model that takes over tracks in Geant4.

    Args:
        bundle: name of a shipped one, a file, or one that is open.
        tolerance: how far a track may fly from the direction that all training events had.

    Raises:
        BundleError: no bundle, or of a model that tracks cannot be handed to.

    Example:
        >>> fast_showers("photons").knows
        'gamma of 256 MeV – 32.8 GeV, within 1° of straight in'
    """
    opened = bundle if isinstance(bundle, Bundle) else load_bundle(find_bundle(bundle))
    return BundleShowers(opened, span(tolerance, parse_angle)[0])


class Watch:
    """How long an event of a run takes, without the start where the run is long enough to tell.

    Args:
        progress: called with the number of events that were just finished, as this is.
    """

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._done: list[tuple[int, float]] = [(0, time.perf_counter())]

    def __call__(self, n: int) -> None:
        """So many more are done."""
        self._progress(n)
        if n:
            self._done.append((self._done[-1][0] + n, time.perf_counter()))

    @property
    def seconds(self) -> float:
        """Of one event: from the first block to the last, or from the start where there is one block."""
        (before, start), (after, end) = self._done[1 if len(self._done) > 2 else 0], self._done[-1]
        return (end - start) / (after - before)


def speed_words(simulator: Geant4, incident: Mapping[str, NDArray[Any]], seconds: float) -> str:
    """How much faster events with a fast model are, by simulating a few of their particles in full.

    Args:
        simulator: with a fast model.
        incident: columns of all events.
        seconds: what one of them took one process.

    Returns:
        A sentence.
    """
    some, energy = _pilot(incident)
    with Worker() as worker:
        for _ in range(2):  # the first time fills Geant4's tables
            start = time.perf_counter()
            worker.call(simulate_from, replace(simulator, fast=None), some, 0)
    mean = float(incident["energy"].sum()) / len(incident["energy"])
    full = (time.perf_counter() - start) * mean / energy
    return (
        f"{1e3 * seconds:.3g} ms an event, in full {1e3 * full:.3g} ms: {full / seconds:.3g} times as fast (in full: "
        f"from {format_energy(energy)} of these particles)"
    )


def _pilot(incident: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], float]:
    """Some particles of a run as events of their own, and the sum of their energies."""
    energy = incident["energy"].ravel()
    there = np.flatnonzero(energy)
    order = there[np.argsort(energy[there], kind="stable")]
    some = order[: max(1, int((np.cumsum(energy[order]) <= _PILOT).sum()))]
    columns = {name: np.broadcast_to(values, incident["energy"].shape).ravel() for name, values in incident.items()}
    return {name: values[some] for name, values in columns.items()}, float(energy[some].sum())
