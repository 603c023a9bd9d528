"""A fast model inside a running Geant4: tracks that enter the calorimeter are taken, their showers are made together.

Geant4's Python binding has no class for fast simulation. What it has is enough: a stacking action sees every track when
it is born, and a sensitive detector sees it cross a sheet in front of the calorimeter. Either offers the track to a
:class:`FastCalorimeter`; what is inside the model's range goes no further in Geant4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats, Ints
from moliere.errors import InvalidQuantity, MissingExtra
from moliere.simulators.geant4.fast import REPLACED, FastShowers, Reason, Tracks, count_words
from moliere.simulators.geant4.placement import Placement

#: tracks this near to the edge of the face, in mm, leak out of the side, which no model has seen: a Molière radius
_MARGIN = 50.0
#: in front of the face, in spite of rounding, in mm
_TOUCHING = 1e-6
_Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """Where a calorimeter stands in a world: ``world = at + axes @ own``.

    Args:
        at: the middle of the front face in the world, in mm.
        axes: the calorimeter's x, y and z axes in the world, as columns of a rotation matrix (3, 3).
    """

    at: _Vector = (0.0, 0.0, 0.0)
    axes: tuple[_Vector, _Vector, _Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        """Refuse axes that are none: deposits would be bent."""
        axes = np.asarray(self.axes, np.float64)
        if axes.shape != (3, 3) or not np.allclose(axes @ axes.T, np.eye(3)) or np.linalg.det(axes) < 0:
            raise InvalidQuantity(f"the axes of the calorimeter {self.axes} are no rotation matrix (3, 3)")

    def turn_in(self, x: float, y: float, z: float) -> _Vector:
        """A direction of the world in the calorimeter's frame; plain numbers, as it is asked for each track."""
        a, b, c = self.axes
        return (
            a[0] * x + b[0] * y + c[0] * z,
            a[1] * x + b[1] * y + c[1] * z,
            a[2] * x + b[2] * y + c[2] * z,
        )

    def into(self, x: float, y: float, z: float) -> _Vector:
        """A point of the world in the calorimeter's frame."""
        return self.turn_in(x - self.at[0], y - self.at[1], z - self.at[2])

    def out(self, points: Floats) -> Floats:
        """Points (n, 3) of the calorimeter in the world."""
        return np.asarray(np.asarray(self.at) + points @ np.asarray(self.axes).T, np.float64)


@dataclass(frozen=True, eq=False)
class Showers:
    """The showers that were made of the tracks of some events.

    Args:
        placement: puts them into the cells of their detector.
        frame: where it stands.
        tracks: n of them.
        event: position of each track's event among the events, (n,).
        signals: of each shower as if it were on the axis, (n, n_channels), in MeV.
        shift: by how much it lies beside the axis in each layer, in mm, (n, n_layers, 2).
        n_events: number of events, those without any shower among them.
    """

    placement: Placement
    frame: Frame
    tracks: Tracks
    event: Ints
    signals: NDArray[np.float32]
    shift: Floats
    n_events: int

    def __len__(self) -> int:
        """Number of showers."""
        return len(self.tracks)

    @property
    def detector(self) -> Calorimeter:
        """Whose channels they are in."""
        return self.placement.detector

    def in_cells(self) -> tuple[Floats, Floats]:
        """Sums over each event in the cells of the calorimeter, and beside the cells of each layer, in MeV.

        Returns:
            (n_events, n_channels) and (n_events, n_layers).
        """
        return self.placement.place(self.signals, self.shift, self.tracks.key, self.event, self.n_events)

    def deposits(self) -> Floats:
        """Where the signals lie in the world, for a readout of one's own: x, y, z in mm and MeV, (n_deposits, 4).

        Each is at the middle of a cell around its shower's axis.
        """
        shower, channel = np.nonzero(self.signals)
        place = self.detector.centres[channel]
        place[:, :2] += self.shift[shower, self.detector.layer_of_channel[channel]]
        return np.column_stack([self.frame.out(place), self.signals[shower, channel]])


class FastCalorimeter:
    """Takes tracks from Geant4 at the front face of a calorimeter, and makes their showers together.

    Attach it to a run manager of your own in one of two ways, and ask for the showers at the end of each event:

    - :meth:`stacking_action` where nothing but vacuum is in front of the calorimeter: tracks are taken when they are
      born. It costs half a microsecond for each track that is born anywhere.
    - :meth:`door` behind other material: a sensitive detector of a thin sheet just in front of the calorimeter takes
      tracks that cross it, and costs nothing elsewhere.

    Args:
        showers: the fast model.
        half_width: of the front face in mm, a square or, inside it, a circle.
        margin: tracks nearer to the edge of the face, in mm, are simulated in full.
        frame: where the calorimeter stands in the world.
        run: number of the run: another one gives other showers.
    """

    def __init__(
        self,
        showers: FastShowers,
        half_width: float,
        *,
        margin: float = _MARGIN,
        frame: Frame | None = None,
        run: int = 0,
    ) -> None:
        self.showers = showers
        self.half_width = half_width
        self.margin = margin
        self.frame = frame or Frame()
        self.run = run
        #: how many tracks were replaced, and how many were not, by the reason
        self.counts: Counter[str] = Counter()
        self._placement = Placement(showers.detector)
        self._taken: list[tuple[int, float, _Vector, _Vector, int]] = []
        self._keys: list[tuple[int, int]] = []
        self._events: list[int] = []
        self._keep: list[Any] = []

    @property
    def words(self) -> str:
        """How many tracks were replaced since the start and why others were not, in a sentence."""
        return count_words(self.counts, self.showers.name, self.showers.knows)

    def offer(
        self, pdg_id: int, energy: float, position: Sequence[float], direction: Sequence[float], track: int
    ) -> bool:
        """Take a track if it flies to the front face and the model knows such tracks.

        Args:
            pdg_id: of the particle.
            energy: kinetic, in MeV.
            position: in the world, in mm.
            direction: unit vector in the world.
            track: its number in the event, the last part of the key of its latent.

        Returns:
            Whether it was taken; then nobody else may simulate it.
        """
        flight = self.frame.turn_in(*direction)
        start = self.frame.into(*position)
        if start[2] > _TOUCHING or flight[2] <= 0:
            return False
        x, y = (start[axis] - start[2] * flight[axis] / flight[2] for axis in range(2))
        inside = self.half_width - max(abs(x), abs(y))
        if inside < 0:
            return False
        reason = self.showers.refuses(pdg_id, energy, flight) or self._near_the_edge(inside)
        self.counts[reason or REPLACED] += 1
        if reason is None:
            self._taken.append((pdg_id, energy, (x, y, 0.0), flight, track))
        return reason is None

    def offer_track(self, track: Any) -> bool:
        """The same for a ``G4Track``."""
        position = track.GetPosition()
        # nearly all tracks are born inside: they are sent back before anything else is asked
        if self.frame.into(position.x, position.y, position.z)[2] > _TOUCHING:
            return False
        direction = track.GetMomentumDirection()
        return self.offer(
            track.GetDefinition().GetPDGEncoding(),
            track.GetKineticEnergy(),
            (position.x, position.y, position.z),
            (direction.x, direction.y, direction.z),
            track.GetTrackID(),
        )

    def end_event(self, event: int, run: int | None = None) -> None:
        """The tracks taken since the last call belong to this event; their showers can wait for those of others."""
        taken = len(self._taken) - len(self._events)
        self._events += [len(self._keys)] * taken
        self._keys.append((self.run if run is None else run, event))

    def make(self) -> Showers:
        """The showers of all events that ended since the last call, made together."""
        tracks, event = self._tracks(), np.array(self._events, np.int64)
        n_events = len(self._keys)
        self._taken, self._events, self._keys = [], [], []
        detector = self.showers.detector
        signals = self.showers.make(tracks) if len(tracks) else np.zeros((0, detector.n_channels), np.float32)
        shift = _shift(detector, tracks, self.showers.axes(tracks.direction))
        return Showers(self._placement, self.frame, tracks, event, signals, shift, n_events)

    def finish(self, event: int) -> Showers:
        """The showers of one event, at its end.

        Args:
            event: its number, the middle part of the key of latents: the same event can be made again alone.
        """
        self.end_event(event)
        return self.make()

    def stacking_action(self) -> Any:
        """A ``G4UserStackingAction`` for ``SetUserAction``, where nothing is in front of the calorimeter."""
        return self._kept(stacking_action(self.offer_track))

    def door(self, name: str = "door") -> Any:
        """A sensitive detector for a thin sheet of vacuum in front of the calorimeter.

        Attach it to the sheet's logical volume in ``ConstructSDandField``.
        """
        g4: Any = _geant4()
        offer = self.offer_track

        class Door(g4.G4VSensitiveDetector):  # type: ignore[misc]
            """Stops tracks that are taken."""

            def Initialize(self, hits: Any) -> None:
                del hits

            def ProcessHits(self, step: Any, history: Any) -> bool:
                del history
                track = step.GetTrack()
                if offer(track):
                    track.SetTrackStatus(g4.fStopAndKill)
                return True

        return self._kept(Door(name))

    def _near_the_edge(self, inside: float) -> Reason | None:
        return "edge" if inside < self.margin else None

    def _kept(self, thing: Any) -> Any:
        """Geant4 points to it, but does not own it."""
        self._keep.append(thing)
        return thing

    def _tracks(self) -> Tracks:
        taken = self._taken
        keys = [(*self._keys[event], row[4]) for event, row in zip(self._events, taken, strict=True)]
        return Tracks(
            pdg_id=np.array([row[0] for row in taken], np.int64),
            energy=np.array([row[1] for row in taken], np.float64),
            place=np.array([row[2][:2] for row in taken], np.float64).reshape(-1, 2),
            direction=np.array([row[3] for row in taken], np.float64).reshape(-1, 3),
            key=np.array(keys, np.int64).reshape(-1, 3),
        )


def stacking_action(offer: Callable[[Any], bool]) -> Any:
    """A stacking action that ends the tracks that are taken before they begin.

    Args:
        offer: takes a ``G4Track``, and says whether it did.
    """
    g4: Any = _geant4()
    end, go_on = g4.G4ClassificationOfNewTrack.fKill, g4.G4ClassificationOfNewTrack.fUrgent

    class Stacking(g4.G4UserStackingAction):  # type: ignore[misc]
        """Asked once for each track."""

        def ClassifyNewTrack(self, track: Any) -> Any:
            return end if offer(track) else go_on

    return Stacking()


def _geant4() -> Any:
    try:
        import geant4_pybind
    except ModuleNotFoundError as error:
        raise MissingExtra('Geant4 comes as a wheel: pip install "moliere[geant4]"') from error
    return geant4_pybind


def _shift(detector: Calorimeter, tracks: Tracks, axes: Floats) -> Floats:
    """How far from the detector's axis each shower is in each layer, (n, n_layers, 2), in mm.

    Plates stay plates whatever comes in, so that a slanted shower is sheared, not turned.
    """
    lean = tracks.direction[:, :2] / tracks.direction[:, 2:] - axes[:, :2] / axes[:, 2:]
    depth = np.nan_to_num(detector.depths.mean(axis=1))
    return np.asarray(tracks.place[:, None] + depth[:, None] * lean[:, None])
