"""FastCaloSim's look at a calorimeter: mean energy of each layer against pseudorapidity, and its asymmetry.

References:
    AtlFast3: the next generation of fast simulation in ATLAS, ATLAS Collaboration, 2021,
    https://arxiv.org/abs/2109.02551
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents
from moliere.evaluation.observables.tally import Tally

#: FastCaloSim's slices
ETA_EDGES = np.linspace(0, 5, 101)
#: a slice's own lower edge belongs to it, whatever its last digit
_ROUNDING = 1e-9


def energy_by_eta(
    detector: Calorimeter, signals: NDArray[np.float32], eta: NDArray[np.floating], edges: Floats = ETA_EDGES
) -> Tally:
    """Energy of each layer in slices of |eta|, both sides apart; add the sides for the mean against |eta|.

    Incident energies are not told apart: choose the events of one energy where that matters.

    Args:
        detector: any calorimeter.
        signals: in MeV, (n, n_channels).
        eta: incident pseudorapidity, (n,); 0 counts as positive.
        edges: of the slices in |eta|, increasing, (n_slices + 1,).

    Returns:
        In MeV, (2, n_slices, n_layers): the positive side first. Pieces of a sample add up.

    Raises:
        InvalidEvents: |eta| outside the edges.

    Example:
        >>> import moliere
        >>> events = moliere.samples.open("photons-mini")
        >>> eta = np.where(np.arange(len(events)) % 2, 0.225, -0.225)
        >>> sides = energy_by_eta(events.detector, events.signals, eta)
        >>> against_abs_eta = sides[0] + sides[1]
        >>> against_abs_eta.mean.shape, int(against_abs_eta.count[4, 0])
        ((100, 5), 5000)
    """
    return by_eta(detector.layer_energies(signals), eta, edges)


def by_eta(layer_energies: NDArray[np.floating], eta: NDArray[np.floating], edges: Floats = ETA_EDGES) -> Tally:
    """The same from layer energies (n, n_layers) in MeV."""
    n_slices = len(edges) - 1
    position = np.searchsorted(edges, np.abs(eta) + _ROUNDING, side="right") - 1
    outside = (position < 0) | (position >= n_slices)
    if outside.any():
        worst = float(np.abs(eta[outside]).max())
        raise InvalidEvents(
            f"{np.count_nonzero(outside)} events lie outside the slices in |eta| from {edges[0]:g} to {edges[-1]:g}, "
            f"up to {worst:g}; give edges that hold them"
        )
    group = np.where(eta < 0, n_slices, 0) + position
    tally = Tally.grouped(layer_energies, group, 2 * n_slices)
    shape = 2, n_slices, layer_energies.shape[1]
    return Tally(*(part.reshape(shape) for part in (tally.count, tally.total, tally.deviations)))


def eta_asymmetry(sides: Tally) -> tuple[Floats, Floats]:
    r"""How far the mean energies at +eta and -eta differ.

    .. math:: A = \frac{\mu_+ - \mu_-}{\mu_+ + \mu_-}, \qquad
        \sigma_A = \frac{2\sqrt{\mu_-^2 \sigma_+^2 + \mu_+^2 \sigma_-^2}}{(\mu_+ + \mu_-)^2}

    with the means' standard errors.

    Args:
        sides: of :func:`energy_by_eta`.

    Returns:
        Asymmetry and its error, (n_slices, n_layers); NaN where a side has no events or neither has energy, the error
        also where a side has only one event.
    """
    plus, minus = sides[0], sides[1]
    total = plus.mean + minus.mean
    total[total == 0] = np.nan
    spread = np.hypot(minus.mean * plus.error, plus.mean * minus.error)
    return (plus.mean - minus.mean) / total, 2 * spread / total**2
