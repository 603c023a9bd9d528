"""At which depth showers have their maximum: the generalised Gumbel law of De Domenico and others.

Xmax = mu - sigma ln(G), where lambda G is Gamma distributed with shape lambda. With e = log10(E / 10 EeV) and A
nucleons, mu is quadratic in e, sigma and lambda are linear, and every coefficient is quadratic in ln A.

References:
    "Reinterpreting the development of extensive air showers initiated by nuclei and photons", M. De Domenico, 2013,
    https://arxiv.org/abs/1305.2331
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from moliere.detectors.base import Floats
from moliere.errors import UnsupportedIncident
from moliere.units import EeV, format_energy

HadronicModel = Literal["epos-lhc", "qgsjet-ii-04", "sibyll-2.1"]

#: energies in MeV for which the law was fitted
ENERGY_RANGE = (0.1 * EeV, 1000 * EeV)

#: where fewer showers than this have room for their maximum, those that have are no longer typical of anything
_MIN_ROOM = 1e-3

_Row = tuple[float, float, float]


@dataclass(frozen=True)
class _Coefficients:
    """Rows are powers of e, columns powers of ln A."""

    mu: tuple[_Row, _Row, _Row]
    sigma: tuple[_Row, _Row]
    shape: tuple[_Row, _Row]


#: the paper's table 1
_TABLE: dict[HadronicModel, _Coefficients] = {
    "epos-lhc": _Coefficients(
        mu=((775.589, -7.047, -2.427), (57.589, -0.743, 0.214), (-0.820, -0.169, -0.027)),
        sigma=((29.403, 13.553, -3.154), (0.096, -0.961, 0.150)),
        shape=((0.563, 0.711, 0.058), (0.039, 0.067, -0.004)),
    ),
    "qgsjet-ii-04": _Coefficients(
        mu=((761.383, -11.719, -1.372), (57.344, -1.731, 0.309), (-0.355, 0.273, -0.137)),
        sigma=((35.221, 12.335, -2.889), (0.307, -1.147, 0.271)),
        shape=((0.673, 0.694, -0.007), (0.060, -0.019, 0.017)),
    ),
    "sibyll-2.1": _Coefficients(
        mu=((770.104, -15.873, -0.960), (58.668, -0.124, -0.023), (-1.423, 0.977, -0.191)),
        sigma=((31.717, 1.335, -0.601), (-1.912, 0.007, 0.086)),
        shape=((0.683, 0.278, 0.012), (0.008, 0.051, 0.003)),
    ),
}

HADRONIC_MODELS: tuple[HadronicModel, ...] = tuple(_TABLE)


@dataclass(frozen=True)
class XmaxLaw:
    """Distribution of Xmax for n showers; each field (n,).

    Args:
        mu: location in g/cm².
        sigma: scale in g/cm².
        shape: lambda; the smaller, the longer the tail towards deep showers.
    """

    mu: Floats
    sigma: Floats
    shape: Floats

    @property
    def mean(self) -> Floats:
        """Expectation mu - sigma (psi(lambda) - ln lambda) in g/cm²."""
        return np.asarray(self.mu - self.sigma * (scipy.special.psi(self.shape) - np.log(self.shape)))

    @property
    def std(self) -> Floats:
        """Standard deviation sigma sqrt(psi_1(lambda)) in g/cm²."""
        return np.asarray(self.sigma * np.sqrt(scipy.special.polygamma(1, self.shape)))

    def contained(self, depth: Floats) -> Floats:
        """Share of showers with their maximum above a depth [g/cm²], (n,)."""
        return np.asarray(scipy.special.gammaincc(self.shape, self._gamma_at(depth)))

    def draw_above(self, depth: Floats, rng: np.random.Generator) -> Floats:
        """One Xmax a shower among those that have it above a depth.

        The same as to draw until all are, in one step: the law's own inverse, of a uniform number below the share.

        Args:
            depth: in g/cm², (n,); infinite for the law as it is.
            rng: source of randomness; one uniform number a shower.

        Returns:
            In g/cm², (n,).
        """
        share = rng.uniform(0.0, self.contained(depth))
        return np.asarray(self.mu - self.sigma * np.log(scipy.special.gammainccinv(self.shape, share) / self.shape))

    def _gamma_at(self, depth: Floats) -> Floats:
        return np.asarray(self.shape * np.exp((self.mu - depth) / self.sigma))


def xmax_law(model: HadronicModel, energy: Floats, mass_number: Floats) -> XmaxLaw:
    """The law for showers of given energies and masses.

    Args:
        model: of hadronic interactions.
        energy: in MeV, (n,).
        mass_number: nucleons of the primary, (n,).

    Example:
        >>> law = xmax_law("epos-lhc", np.array([10 * EeV]), np.array([1.0]))
        >>> law.mean.round().tolist(), law.std.round().tolist()
        ([808.0], [59.0])
    """
    e, ln_a = np.log10(energy / (10 * EeV)), np.log(mass_number)
    table = _TABLE[model]
    mu, sigma, shape = (_polynomial(rows, e, ln_a) for rows in (table.mu, table.sigma, table.shape))
    return XmaxLaw(mu, sigma, shape)


def _polynomial(rows: tuple[_Row, ...], e: Floats, ln_a: Floats) -> Floats:
    return np.asarray(np.polynomial.polynomial.polyval2d(e, ln_a, np.array(rows)))


def draw_xmax(law: XmaxLaw, energy: Floats, limit: Floats, rng: np.random.Generator) -> Floats:
    """Xmax of showers that have their maximum well above the ground.

    Args:
        law: of their energies and masses.
        energy: in MeV, (n,), for the error message.
        limit: slant depth in g/cm² that no maximum may reach, (n,).
        rng: source of randomness.

    Returns:
        In g/cm², (n,).

    Raises:
        UnsupportedIncident: showers that have no room for their maximum.
    """
    room = law.contained(limit)
    if (room < _MIN_ROOM).any():
        row = int(np.argmin(room))
        raise UnsupportedIncident(
            f"event {row} with {format_energy(float(energy[row]))}: only {room[row]:.1g} of such showers have their "
            f"maximum above {limit[row]:.0f} g/cm², near the ground; simulate lower energies, more inclined showers or "
            "an array less high"
        )
    return law.draw_above(limit, rng)
