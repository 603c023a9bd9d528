"""What reaches a station: how many muons and electromagnetic particles, and when.

One particle leaves 1 VEM. Both kinds follow a power law in the distance r from the axis and one in the depth dX behind
the maximum; their arrival times are log-normal, later and wider away from the core.

References:
    "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.units import EeV, m

#: VEM at 10 EeV, 1000 m from the axis and 100 g/cm² behind the maximum, both kinds together
_REFERENCE_SIGNAL = 900.0
_REFERENCE_DISTANCE, _REFERENCE_DEPTH = 1000 * m, 100.0
#: nearer to the axis in mm, the lateral law is cut off
_NEAREST = 150 * m
#: a law in dX rises without limit towards the maximum, a signal does not
_MAX_AMPLIFICATION = 10.0
#: VEM at which a station saturates in the public simulation
SATURATION = 1e7
#: nuclei of A nucleons make A^0.15 times the muons of a proton
_MUONS_FROM_MASS = 0.15
#: width of the arrival times in ln t
_TIME_WIDTH = 0.7
_TIME_DISTANCE, _TIME_POWER, _TIME_DEPTH = 750 * m, 1.4, 1000.0


@dataclass(frozen=True)
class Component:
    """One kind of particles.

    Args:
        lateral: signals fall with r^-lateral.
        attenuation: signals fall with dX^-attenuation.
        earliest: median arrival time on the axis in ns.
        delay: how much later the median is 750 m away, in ns.
        flattening: by which part the delay shrinks 1000 g/cm² behind the maximum.
    """

    lateral: float
    attenuation: float
    earliest: float
    delay: float
    flattening: float

    def attenuate(self, distance: Floats, depth: Floats) -> Floats:
        """Signal relative to that at 1000 m and 100 g/cm².

        Args:
            distance: from the axis in mm.
            depth: behind the maximum in g/cm², above 0, of the same shape.
        """
        lateral = (np.maximum(distance, _NEAREST) / _REFERENCE_DISTANCE) ** -self.lateral
        amplification = (depth / _REFERENCE_DEPTH) ** -self.attenuation
        return np.asarray(lateral * np.minimum(amplification, _MAX_AMPLIFICATION))

    def median_time(self, distance: Floats, depth: Floats) -> Floats:
        """Median arrival time in ns after the front; arguments as :meth:`attenuate`'s."""
        # no more than 5000 g/cm² of air: nothing would be left, and times would turn negative
        flattening = np.maximum(1 - self.flattening * depth / _TIME_DEPTH, 0.0)
        return np.asarray(self.earliest + self.delay * (distance / _TIME_DISTANCE) ** _TIME_POWER * flattening)


MUONS = Component(lateral=4.7, attenuation=0.1, earliest=50, delay=140, flattening=0.2)
ELECTROMAGNETIC = Component(lateral=6.1, attenuation=0.4, earliest=80, delay=200, flattening=0.1)


@dataclass(frozen=True)
class Arrivals:
    """What reaches every station; each field (n_events, n_stations).

    Args:
        muons: mean signal in VEM.
        electromagnetic: the same.
        muon_median: median of the log-normal arrival times in ns.
        electromagnetic_median: the same, before the shift.
        shift: by which the electromagnetic part comes later, in ns.
    """

    muons: Floats
    electromagnetic: Floats
    muon_median: Floats
    electromagnetic_median: Floats
    shift: Floats


def expect(
    energy: Floats,
    mass_number: Floats,
    em_fraction: float,
    distance: Floats,
    depth: Floats,
    saturation: float = SATURATION,
) -> Arrivals:
    """Mean signals and times.

    Args:
        energy: in MeV, (n,).
        mass_number: of the primaries, (n,).
        em_fraction: electromagnetic part of a proton's signal at 1000 m and 100 g/cm².
        distance: of stations from the axis in mm, (n, k).
        depth: of air between maximum and stations in g/cm², (n, k).
        saturation: largest mean signal of a station in VEM, above 0.
    """
    scale = _REFERENCE_SIGNAL * energy[:, None] / (10 * EeV)
    weight = (1 - em_fraction) * mass_number[:, None] ** _MUONS_FROM_MASS
    muons = scale * weight / (weight + em_fraction) * MUONS.attenuate(distance, depth)
    electromagnetic = scale * em_fraction / (weight + em_fraction) * ELECTROMAGNETIC.attenuate(distance, depth)
    kept = np.minimum(1.0, saturation / (muons + electromagnetic))
    medians = MUONS.median_time(distance, depth), ELECTROMAGNETIC.median_time(distance, depth)
    return Arrivals(muons * kept, electromagnetic * kept, *medians, (medians[1] - medians[0]) / 1.5)


def draw_traces(arrivals: Arrivals, edges: Floats, fluctuation_scale: float, rng: np.random.Generator) -> Floats:
    """Signals of all stations over time.

    Args:
        arrivals: what reaches them, fields (n, k).
        edges: of the time bins in ns, (n_bins + 1,).
        fluctuation_scale: of the particle numbers' fluctuations: particles leave its square in VEM, and there are as
            many more. 0 gives the mean.
        rng: source of randomness.

    Returns:
        In VEM, (n, k, n_bins).
    """
    at_front = np.zeros_like(arrivals.shift)
    muons = _draw_histograms(arrivals.muons, arrivals.muon_median, at_front, edges, fluctuation_scale, rng)
    return muons + _draw_histograms(
        arrivals.electromagnetic, arrivals.electromagnetic_median, arrivals.shift, edges, fluctuation_scale, rng
    )


def bin_shares(median: Floats, shift: Floats, edges: Floats) -> Floats:
    """Which part of log-normal times of width 0.7 falls into each bin.

    Args:
        median: in ns, (k,).
        shift: of all times, in ns, (k,).
        edges: in ns, (n_bins + 1,).

    Returns:
        (k, n_bins); what comes after the last edge is missing.

    Example:
        >>> bin_shares(np.array([100.0]), np.zeros(1), np.array([0.0, 100.0, 1e9])).round(6).tolist()
        [[0.5, 0.5]]
    """
    with np.errstate(divide="ignore"):
        log_time = np.log(np.maximum(edges - shift[:, None], 0.0))
    return np.diff(scipy.special.ndtr((log_time - np.log(median)[:, None]) / _TIME_WIDTH), axis=1)


def _draw_histograms(
    mean: Floats, median: Floats, shift: Floats, edges: Floats, scale: float, rng: np.random.Generator
) -> Floats:
    """Histograms (n, k, n_bins) in VEM of the arrival times of a random number of particles, around a mean (n, k)."""
    weight = scale**2
    if weight == 0:
        return mean[..., None] * bin_shares(median.ravel(), shift.ravel(), edges).reshape(*mean.shape, -1)
    number = draw_numbers(mean / weight, rng)
    hit = number > 0
    histograms = np.zeros((*mean.shape, len(edges) - 1))
    histograms[hit] = weight * _distribute(number[hit], bin_shares(median[hit], shift[hit], edges), rng)
    return histograms


def draw_numbers(mean: Floats, rng: np.random.Generator) -> Ints:
    """Whole numbers of particles around a mean, with its root as standard deviation, rounded down; at least 0."""
    return np.maximum(mean + np.sqrt(mean) * rng.standard_normal(mean.shape), 0.0).astype(np.int64)


def _distribute(number: Ints, shares: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Histograms (k, n_bins) of as many independent particles: multinomial, with the late ones in a last bin."""
    late = np.maximum(1 - shares.sum(axis=1, keepdims=True), 0.0)
    return rng.multinomial(number, np.concatenate([shares, late], axis=1))[:, :-1]
