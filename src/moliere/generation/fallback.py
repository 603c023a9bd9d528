"""A simulation in place of a model, for incident particles that the model has not learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from moliere.generation.guard import clipped, fixed_columns, outside_range
from moliere.models import Bundle
from moliere.seeding import derive_seed
from moliere.simulators import Simulator, build_simulator

#: what becomes of incident particles that a model has not learned: an error, what the model makes of them, a simulation
Outside = Literal["refuse", "extrapolate", "gflash"]

#: what a derived seed is for: a simulated event; blocks of latents have paths of one number
_SIMULATED = 0


@dataclass(frozen=True)
class Fallback:
    """A simulation that makes some of the events.

    Args:
        simulator: of the bundle's detector.
        incident: columns of all events, as the simulation wants them, (n,).
        rows: which events it makes, (n,).
        seed: of all events.
    """

    simulator: Simulator
    incident: Mapping[str, NDArray[Any]]
    rows: NDArray[np.bool_]
    seed: int

    def fill(self, signals: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Signals of the events from ``start`` on, with those of the simulation in their places.

        Each event has a random stream of its own, so that it depends on no other.
        """
        filled = signals.copy()
        for k in np.flatnonzero(self.rows[start : start + len(signals)]):
            one = {name: column[start + k : start + k + 1] for name, column in self.incident.items()}
            rng = np.random.default_rng(derive_seed(self.seed, _SIMULATED, int(start + k)))
            filled[k] = self.simulator.simulate(one, rng).signals[0]
        return filled


def fallback_for(
    bundle: Bundle, incident: Mapping[str, NDArray[Any]], simulator: str, seed: int
) -> tuple[Mapping[str, NDArray[Any]], Fallback | None]:
    """Incident columns that the model can be asked for, and what makes the events that it cannot.

    Args:
        bundle: a trained model.
        incident: columns (n,).
        simulator: by name.
        seed: of all events.

    Raises:
        MoliereError: the simulation does not know the detector.
    """
    rows = outside_range(bundle, incident)
    if not rows.any():
        return incident, None
    # where a model learned one kind of particle, its events may not say which
    fixed = {name: np.full(len(rows), int(kind)) for name, kind in fixed_columns(bundle).items() if name == "pdg_id"}
    return clipped(bundle, incident), Fallback(
        build_simulator(simulator, bundle.detector), {**fixed, **incident}, rows, seed
    )


def outside_words(bundle: Bundle, incident: Mapping[str, NDArray[Any]], outside: Outside) -> str:
    """What the user must know of events that the model has not learned; nothing where there are none."""
    rows = outside_range(bundle, incident)
    if not rows.any() or outside == "refuse":
        return ""
    number = f"{np.count_nonzero(rows):,} of {len(rows):,} events lie outside the range of bundle {bundle.name}"
    if outside == "extrapolate":
        return f"{number}: the model extrapolates, which nobody has tested"
    warning = build_simulator(outside, bundle.detector).warning
    return f"{number}: {outside} simulates these{warning and '; '}{warning}"
