"""A trained model as Geant4 knows it: which tracks it makes showers of, and the showers."""

from __future__ import annotations

import hashlib
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moliere.deploy.card import Card
from moliere.deploy.engines import Engine, InC, InOnnx, InTorch
from moliere.deploy.runtime import Runtime
from moliere.detectors import Calorimeter, from_spec
from moliere.detectors.base import Floats
from moliere.errors import BundleError
from moliere.events.directions import to_angles, to_vectors
from moliere.events.particles import particle_name
from moliere.generation.guard import fixed_columns, is_inside
from moliere.models import Bundle, GenerativeModel, load_bundle
from moliere.models.gaps import Gap
from moliere.preprocess import condition_matrix
from moliere.production import Worker
from moliere.simulators.base import simulate_from
from moliere.simulators.geant4 import Geant4
from moliere.simulators.geant4.fast import Reason, Tracks
from moliere.units import Quantity, format_energy, parse_angle, span
from moliere.weights import find_bundle

#: what a track says of itself
_COLUMNS = {"energy", "pdg_id", "theta", "phi"}
#: so much energy in MeV is simulated in full to compare: under a second
_PILOT = 20e3


@dataclass(frozen=True)
class Training:
    """What a model has seen, as far as tracks in Geant4 are concerned.

    Args:
        name: of the model.
        detector: of its showers.
        columns: incident columns that it is conditioned on.
        validity: smallest and largest value of each in the sample trained on, in MeV or rad.
        particles: PDG identifiers.
        fixed: incident columns that had one value in all training events.
        gaps: both ends of each range of a column in which there were no training events.

    Raises:
        BundleError: a model that tracks cannot be handed to.
    """

    name: str
    detector: Calorimeter
    columns: tuple[str, ...]
    validity: Mapping[str, tuple[float, float]]
    particles: tuple[int, ...]
    fixed: Mapping[str, float]
    gaps: Mapping[str, Sequence[Gap]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fail at once, not in the middle of a run."""
        if "energy" not in self.columns or (strange := sorted(set(self.columns) - _COLUMNS)):
            reason = f", and a track does not say its {' and '.join(strange)}" if "energy" in self.columns else ""
            raise BundleError(
                f"bundle {self.name!r} is conditioned on {' and '.join(self.columns) or 'nothing'}{reason}; Geant4 "
                "needs a model that is conditioned on energy and, at most, on pdg_id, theta and phi"
            )
        if not self.particles:
            raise BundleError(
                f"bundle {self.name!r} does not say which particles it makes showers of; train it on events with a "
                "column pdg_id, or name the particles in the detector's description"
            )

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Training:
        """What a bundle says."""
        if not isinstance(bundle.model, GenerativeModel):
            raise _unfit(bundle.name, f"{type(bundle.model).__name__} of a {bundle.detector.kind}")
        seen, columns = tuple(sorted(bundle.model.context.particles)), tuple(bundle.columns)
        of = cls._of(bundle.name, bundle.detector, columns, bundle.validity, seen, fixed_columns(bundle))
        return replace(of, gaps=bundle.gaps)

    @classmethod
    def of_card(cls, card: Card) -> Training:
        """What an exported file says."""
        if card.kind != "generative":
            raise _unfit(card.name, card.kind)
        seen = tuple(sorted(card.particles))
        return cls._of(card.name, from_spec(card.detector), card.columns, card.validity, seen, card.fixed)

    @classmethod
    def _of(
        cls,
        name: str,
        detector: Any,
        columns: tuple[str, ...],
        validity: Mapping[str, tuple[float, float]],
        seen: tuple[int, ...],
        fixed: Mapping[str, float],
    ) -> Training:
        if not isinstance(detector, Calorimeter):
            raise _unfit(name, f"model of a {detector.kind}")
        if "pdg_id" not in columns:
            seen = (int(fixed["pdg_id"]),) if "pdg_id" in fixed else detector.particles
        return cls(name, detector, columns, validity, seen, fixed)

    @property
    def angles(self) -> tuple[str, ...]:
        """Those that the model is conditioned on."""
        return tuple(name for name in ("theta", "phi") if name in self.columns)


def _unfit(name: str, kind: str) -> BundleError:
    return BundleError(f"bundle {name!r} holds a {kind}; Geant4 needs a generative model of a calorimeter")


@dataclass(frozen=True, repr=False)
class ModelShowers:
    """Showers of a trained model for tracks in Geant4; see :class:`~moliere.simulators.geant4.fast.FastShowers`.

    The latent of a shower follows from the numbers of run, event and track, so that it depends neither on the showers
    that are made with it nor on their order.

    Args:
        training: what the model has seen.
        engine: makes its showers.
        tolerance: how far in rad a track may fly from the direction that all training events had.
    """

    training: Training
    engine: Engine
    tolerance: float

    def __post_init__(self) -> None:
        """Refuse an engine of another model, as far as that can be told."""
        if self.engine.columns != self.training.columns:
            raise BundleError(
                f"the engine takes {' and '.join(self.engine.columns) or 'nothing'}, but bundle {self.name!r} is "
                f"conditioned on {' and '.join(self.training.columns)}; export this bundle again"
            )

    @property
    def name(self) -> str:
        """The model's."""
        return self.training.name

    @property
    def detector(self) -> Calorimeter:
        """The model's."""
        return self.training.detector

    @property
    def knows(self) -> str:
        """Particles, energies, directions."""
        low, high = self.training.validity["energy"]
        kinds = " and ".join(map(particle_name, self.training.particles))
        angles = self.training.angles
        ends = [
            f"{name} {math.degrees(first):.3g} – {math.degrees(last):.3g}°"
            for name in angles
            for first, last in [self.training.validity[name]]
        ]
        if len(angles) < 2:
            usual = "the training's direction" if {"theta", "phi"} & {*angles, *self.training.fixed} else "straight in"
            ends.append(f"within {math.degrees(self.tolerance):.3g}° of {usual}")
        return f"{kinds} of {format_energy(low)} – {format_energy(high)}, {', '.join(ends)}"

    def refuses(self, pdg_id: int, energy: float, direction: Sequence[float]) -> Reason | None:
        """Outside the model's range of validity."""
        if pdg_id not in self.training.particles:
            return "particle"
        if not is_inside(np.array(energy), self.training.validity["energy"], self.training.gaps.get("energy", ())):
            return "energy"
        track = np.array([direction], np.float64)
        angles = dict(zip(("theta", "phi"), to_angles(track), strict=True))
        for name in self.training.angles:
            if not is_inside(angles[name], self.training.validity[name]):
                return "direction"
        cosine = float(np.clip((track * self.axes(track)).sum(), -1, 1))
        return "direction" if math.acos(cosine) > self.tolerance else None

    def axes(self, direction: Floats) -> Floats:
        """The track's angles where the model is conditioned on them, else those of the training events."""
        angles = dict(zip(("theta", "phi"), to_angles(direction), strict=True))
        for name, usual in (("theta", math.pi / 2), ("phi", 0.0)):
            if name not in self.training.angles:
                angles[name] = np.full(len(direction), self.training.fixed.get(name, usual))
        return to_vectors(angles["theta"], angles["phi"])

    def make(self, tracks: Tracks) -> NDArray[np.float32]:
        """Make the showers of all tracks together.

        Raises:
            BundleError: the engine makes showers of another detector.
        """
        theta, phi = to_angles(tracks.direction)
        incident = {"energy": tracks.energy, "pdg_id": tracks.pdg_id, "theta": theta, "phi": phi}
        signals = self.engine(condition_matrix(incident, self.training.columns), tracks.key)
        if signals.shape[1] != self.detector.n_channels:
            raise BundleError(
                f"the engine makes {signals.shape[1]} channels, but {self.detector.name} of bundle {self.name!r} has "
                f"{self.detector.n_channels}; export this bundle again"
            )
        return np.asarray(np.maximum(signals, 0))

    @cached_property
    def _packed(self) -> bytes:
        """The engine as plain bytes: torch would send its tensors through memory that the other process cannot open."""
        engine = self.engine
        if isinstance(engine, InTorch):  # without what the bundle has looked up since
            engine = InTorch(Bundle(**{name: getattr(engine.bundle, name) for name in Bundle.__dataclass_fields__}))
        return pickle.dumps(engine)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker process."""
        return _unpack, (self.training, self._packed, self.tolerance)

    def __repr__(self) -> str:
        """What decides the result."""
        return f"ModelShowers({self.name}, {_digest(self.engine)}, tolerance={self.tolerance:g})"


def _unpack(training: Training, packed: bytes, tolerance: float) -> ModelShowers:
    return ModelShowers(training, pickle.loads(packed), tolerance)


def _digest(engine: Engine) -> str:
    """What tells an engine from others: its numbers, or the content of its files."""
    digest = hashlib.sha256()
    if isinstance(engine, InTorch):
        model = engine.bundle.model
        digest.update(repr(model.config.to_table()).encode())
        for name, values in sorted(model.state_dict().items()):
            digest.update(
                name.encode() + values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            )
    elif isinstance(engine, InOnnx):
        digest.update(Path(engine.path).read_bytes())
    elif isinstance(engine, InC):
        for path in sorted(Path(engine.folder).glob("*.[chb]*")):
            digest.update(path.name.encode() + path.read_bytes())
    else:
        return repr(engine)
    return f"{type(engine).__name__} {digest.hexdigest()[:16]}"


def fast_showers(
    model: str | Path | Bundle, *, engine: Engine | None = None, tolerance: Quantity = "1deg"
) -> ModelShowers:
    """A trained model that takes over tracks in Geant4.

    Args:
        model: name of a shipped bundle, a bundle's file, an open bundle, or a file that was exported as ONNX.
        engine: what runs the bundle instead of torch: :class:`~moliere.deploy.engines.InC`, ``InOnnx``.
        tolerance: how far a track may fly from the direction that all training events had.

    Raises:
        BundleError: no bundle, or of a model that tracks cannot be handed to.

    Example:
        >>> fast_showers("photons").knows
        'gamma of 256 MeV – 32.8 GeV, within 1° of straight in'
    """
    allowed = span(tolerance, parse_angle)[0]
    if not isinstance(model, Bundle) and Path(model).suffix == ".onnx":
        path = Path(model).absolute()
        return ModelShowers(Training.of_card(Runtime(path).card), engine or InOnnx(path), allowed)
    bundle = model if isinstance(model, Bundle) else load_bundle(find_bundle(model))
    return ModelShowers(Training.of_bundle(bundle), engine or InTorch(bundle), allowed)


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
