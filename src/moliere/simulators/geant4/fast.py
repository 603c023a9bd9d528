"""What a fast model of showers offers to Geant4, and the tracks that Geant4 hands over to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats, Ints
from moliere.errors import DetectorError

#: why a track that enters the calorimeter is simulated in full
Reason = Literal["particle", "energy", "direction", "edge"]

#: reason → what is said of so many tracks
_WORDS: Mapping[str, str] = {
    "particle": "of another particle",
    "energy": "of an energy outside the model's range",
    "direction": "of another direction than the model's showers",
    "edge": "too near to the edge of the front face",
}
#: under which the number of replaced tracks is counted, beside the reasons
REPLACED = "replaced"


@dataclass(frozen=True, eq=False)
class Tracks:
    """n tracks as they enter the front face, in the frame of the calorimeter: z = 0 is its front, z its axis.

    Args:
        pdg_id: (n,).
        energy: kinetic, in MeV, (n,).
        place: x and y in mm, (n, 2).
        direction: unit vectors, (n, 3).
        key: numbers of run, event and track, (n, 3), each below 2³²: the same key gives the same shower.
    """

    pdg_id: Ints
    energy: Floats
    place: Floats
    direction: Floats
    key: Ints

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.energy)


class FastShowers(Protocol):
    """Makes whole showers of tracks that enter a calorimeter; Geant4 knows nothing else of a model."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def detector(self) -> Calorimeter:
        """Whose channels the showers are made for, with the track on the axis."""

    @property
    def knows(self) -> str:
        """Which tracks it makes showers of, in words."""

    def refuses(self, pdg_id: int, energy: float, direction: Sequence[float]) -> Reason | None:
        """Why no shower can be made of a track, or ``None`` where it can; called for each track that enters.

        Args:
            pdg_id: of the particle.
            energy: kinetic, in MeV.
            direction: unit vector.
        """

    def axes(self, direction: Floats) -> Floats:
        """Directions of the showers that are made of tracks with these directions: (n, 3) → (n, 3)."""

    def make(self, tracks: Tracks) -> NDArray[np.float32]:
        """Signals of one shower a track, as if it had entered on the axis, (n, n_channels), in MeV."""


def check_same_calorimeter(showers: FastShowers, detector: Calorimeter) -> None:
    """Refuse a model of another calorimeter.

    Raises:
        DetectorError: what differs.
    """
    own = showers.detector
    reason = own.incomparable_with(detector) or own.displaced_from(detector) or _other_plates(own, detector)
    if reason:
        raise DetectorError(
            f"{showers.name} makes showers in {own.name} and cannot stand in for Geant4 in {detector.name}: {reason}; "
            "simulate the detector that the model was trained for, or train a model for this one"
        )


def _other_plates(own: Calorimeter, detector: Calorimeter) -> str | None:
    """The first plate of another material or thickness, where both detectors say what they are made of."""
    if not own.stack or not detector.stack:
        return None
    for number, (mine, other) in enumerate(zip(own.stack, detector.stack, strict=False), 1):
        if (mine.material, mine.thickness) != (other.material, other.thickness):
            return (
                f"plate {number} is {mine.thickness:g} mm of {mine.material} in one and {other.thickness:g} mm of "
                f"{other.material} in the other"
            )
    if len(own.stack) != len(detector.stack):
        return f"one has {len(own.stack)} plates, the other {len(detector.stack)}"
    return None


def count_words(counts: Mapping[str, int], name: str, knows: str) -> str:
    """How many tracks were replaced and why others were not, in a sentence.

    Example:
        >>> count_words({"replaced": 9, "energy": 1}, "photons", "gamma up to 1 GeV")
        "9 of 10 tracks (90 %) were replaced by showers of photons; in full: 1 of an energy outside the model's range"
        >>> count_words({"particle": 2}, "photons", "gamma up to 1 GeV")
        '0 of 2 tracks were replaced, because 2 are of another particle; photons makes showers of gamma up to 1 GeV'
    """
    total, replaced = sum(counts.values()), counts.get(REPLACED, 0)
    if not total:
        return "no track entered the calorimeter, so none was replaced"
    kept = [f"{counts[reason]:,} {{}}{words}" for reason, words in _WORDS.items() if counts.get(reason)]
    if not replaced:
        because = " and ".join(kept).replace("{}", "are ")
        return f"0 of {total:,} tracks were replaced, because {because}; {name} makes showers of {knows}"
    rest = f"; in full: {', '.join(kept)}".replace("{}", "") if kept else ""
    return f"{replaced:,} of {total:,} tracks ({100 * replaced / total:.3g} %) were replaced by showers of {name}{rest}"
