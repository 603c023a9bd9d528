"""Training, validation and test parts that are the same today and tomorrow and alike in energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.errors import ConfigError
from moliere.events.events import EventSource, energy_of

#: events with more distinct energies than this are stratified by energy quantile
_MAX_STRATA = 50
#: nor more strata than one for so many events: each stratum rounds its parts, and small ones would round some away
_MIN_EVENTS = 20
#: incident column of events of which several are made of one: a number for each that they are made of
ORIGINAL = "original"


@dataclass(frozen=True)
class Split:
    """Positions of the events of each part, increasing."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_events(
    source: EventSource,
    fractions: Sequence[float] = (0.7, 0.1, 0.2),
    seed: int = 0,
    leave_out: tuple[float, float] | None = None,
) -> Split:
    """Split at random, with the same energy spectrum in every part.

    Discrete energies are the strata; a continuous spectrum is cut into at most 50 quantiles. Events that were made of
    the same one (column ``original``) stay in one part, that of their first.

    Args:
        source: the events; only their incident columns are read.
        fractions: of train, validation and test; they add up to 1.
        seed: the same seed and the same events give the same split.
        leave_out: incident energies in MeV, both ends included, that only the test part may hold: a model trained on
            the others shows there whether it interpolates.

    Raises:
        ConfigError: fractions that are negative or do not add up to 1.

    Example:
        >>> import moliere
        >>> events = moliere.samples.open("photons-mini")
        >>> parts = split_events(events, seed=1)
        >>> len(parts.train), len(parts.validation), len(parts.test)
        (3499, 502, 999)
    """
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(
            f"split fractions are {tuple(fractions)}, expected three that add up to 1, such as (0.7, 0.1, 0.2)"
        )
    first, original = _originals(source)
    rng = np.random.default_rng(seed)
    nothing = np.zeros(0, np.int64)
    parts: tuple[list[NDArray[np.int64]], ...] = ([nothing], [nothing], [nothing])
    energy = source.incident["energy"][first] if "energy" in source.incident else None
    for stratum in _strata(energy, len(first)):
        shuffled = rng.permutation(stratum)
        ends = np.round(np.cumsum(fractions)[:2] * len(shuffled)).astype(int)
        for part, piece in zip(parts, np.split(shuffled, ends), strict=True):
            part.append(piece)
    whole = Split(*(np.flatnonzero(np.isin(original, np.concatenate(part))) for part in parts))
    return whole if leave_out is None else _left_out(whole, source, leave_out)


def _left_out(split: Split, source: EventSource, energies: tuple[float, float]) -> Split:
    """All events of these energies in the test part."""
    energy = energy_of(source.incident)
    # a discrete energy may be stored in float32
    unseen = (energy >= energies[0] * (1 - 1e-6)) & (energy <= energies[1] * (1 + 1e-6))
    if not unseen.any():
        swapped = "; write the smaller energy first" if energies[0] > energies[1] else ""
        raise ConfigError(
            f"data.leave_out {energies}: there are no events with incident energies in MeV between these{swapped}"
        )
    train, validation, test = (part[~unseen[part]] for part in (split.train, split.validation, split.test))
    return Split(train, validation, np.sort(np.concatenate([test, np.flatnonzero(unseen)])))


def _originals(source: EventSource) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row of the first event of each original, and the number of each event's original, (n,)."""
    if ORIGINAL not in source.incident:
        return np.arange(len(source)), np.arange(len(source))
    _, first, original = np.unique(source.incident[ORIGINAL], return_index=True, return_inverse=True)
    return first, original


def _strata(energy: NDArray[np.float64] | None, n: int) -> list[NDArray[np.int64]]:
    """Positions of the n events of each stratum of incident energy."""
    if energy is None:
        return [np.arange(n)]
    label = np.unique(energy, return_inverse=True)[1]
    most = min(_MAX_STRATA, max(1, n // _MIN_EVENTS))
    if label.max(initial=0) >= most:
        rank = np.argsort(np.argsort(energy, kind="stable"), kind="stable")
        label = rank * most // n
    return [np.flatnonzero(label == k) for k in range(label.max(initial=0) + 1)]
