"""What the paper's parameters lack for a detector: corrections fitted to full simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.simulators.gflash.longitudinal import Moments
from moliere.simulators.gflash.radial import RadialLaw


@dataclass(frozen=True)
class Tuning:
    """Corrections to the paper's formulae for one detector; the defaults change nothing.

    Geant4 lets its users supply the same. Pairs (a, b) are a + b ln y with y = E / Ec; triples (a, b, c) are
    factors exp(a + b ln y) (tau + 0.1)^c, with the depth tau in units of the shower maximum's.

    Args:
        t_shift: added to T, in X0.
        alpha_scale: multiplies alpha.
        core_scale: multiplies the radius of the core.
        tail_scale: multiplies the radius of the tail.
        core_share_scale: multiplies the share of the core.
        visible: factor on the visible energy of each read-out layer; empty for none.
        resolution: sampling resolution c for one GeV, in sqrt(GeV): sigma(E) / E = c / sqrt(E).
        spot_scale: factor on the number of spots.
        source: what the numbers were fitted to.
    """

    t_shift: tuple[float, float] = (0.0, 0.0)
    alpha_scale: tuple[float, float] = (1.0, 0.0)
    core_scale: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tail_scale: tuple[float, float, float] = (0.0, 0.0, 0.0)
    core_share_scale: tuple[float, float, float] = (0.0, 0.0, 0.0)
    visible: tuple[float, ...] = ()
    resolution: float = 0.11
    spot_scale: float = 1.0
    source: str = "none: the paper's parameters, and Geant4's default resolution"

    def tune_moments(self, moments: Moments, ln_y: Floats) -> Moments:
        """Shift the depth and scale the shape of showers with given ln y, (n,)."""
        return Moments(
            t=np.maximum(moments.t + _line(self.t_shift, ln_y), 0.3),
            alpha=moments.alpha * _line(self.alpha_scale, ln_y),
            sigma_t=moments.sigma_t,
            sigma_alpha=moments.sigma_alpha,
            rho=moments.rho,
        )

    def tune_law(self, law: RadialLaw, ln_y: Floats, tau: Floats) -> RadialLaw:
        """Scale the radial law of showers with given ln y, (n, 1), at depths tau, (n, k)."""
        depth = np.log(tau + 0.1)
        core, tail, core_share = (
            np.exp(level + slope * ln_y + growth * depth)
            for level, slope, growth in (self.core_scale, self.tail_scale, self.core_share_scale)
        )
        return RadialLaw(law.core * core, law.tail * tail, np.clip(law.core_share * core_share, 0, 1))


def _line(pair: tuple[float, float], ln_y: Floats) -> Floats:
    return pair[0] + pair[1] * ln_y


_SILICON_TUNGSTEN = Tuning(
    t_shift=(0.1294, 0.0549),
    alpha_scale=(1.0341, 0.0069),
    core_scale=(0.13, -0.01, 0.296),
    tail_scale=(-0.205, 0.008, 0.414),
    core_share_scale=(-0.078, -0.007, -0.005),
    visible=(1.2773,) * 45,
    resolution=0.1295,
    spot_scale=1.82,
    source="tune_gflash.py on the training part of electrons.h5: Geant4 11.4.1, option 0, e- of 1-100 GeV",
)

_LIQUID_ARGON = Tuning(
    t_shift=(0.5355, -0.0283),
    alpha_scale=(1.3719, -0.0224),
    core_scale=(-0.016, -0.11, 1.117),
    tail_scale=(-1.472, 0.06, 1.249),
    core_share_scale=(-0.369, -0.049, -0.121),
    visible=(2.4896, 1.1542, 1.1542, 1.1542, 0.1674),
    resolution=0.0657,
    spot_scale=1.67,
    source="tune_gflash.py on the training part of photons.h5: Geant4 11.4.1, option 0, gamma of 0.26-33 GeV",
)

#: active plates and absorbers between which :func:`scaled_tuning` was fitted: g/cm², and X0 of a pair of plates
FITTED_THICKNESS, FITTED_PERIOD = (0.02, 0.6), (0.3, 2.3)


def scaled_tuning(period: float, thickness: float) -> Tuning:
    """Corrections for a sampling calorimeter that nobody tuned.

    Fitted to Geant4 11.4.1 (option 0, 300 electrons of 10 GeV each) in nine sandwiches of W, Pb or Fe with silicon,
    argon or scintillator: response within 6 %, resolution within 30 %, mean depth within 5 %. How the depth goes with
    the energy was fitted in four sandwiches, and tested in others (benchmarks/sandwiches.py). The number of
    crossings falls with the period; thin plates see Landau's tail as well. The first layer is not followed.

    Args:
        period: depth of an active plate with its absorber, in X0.
        thickness: of an active plate in g/cm².
    """
    return Tuning(
        t_shift=(0.4 * period - 0.42, 0.1),
        alpha_scale=(1 + 0.1 * period, 0.0),
        resolution=0.12 * period**0.5 * thickness**-0.24,
        source="scaled by period and thickness of the plates, fitted to Geant4 11.4.1 in nine sandwiches",
    )


#: detector name → its tuning; dataset 3 is dataset 2 in finer cells
TUNINGS = {
    "calochallenge-1-photons": _LIQUID_ARGON,
    "calochallenge-2": _SILICON_TUNGSTEN,
    "calochallenge-3": _SILICON_TUNGSTEN,
}


def tuning_for(detector: str) -> Tuning | None:
    """The tuning shipped for a detector; ``None`` where there is none.

    Args:
        detector: catalogue name.
    """
    return TUNINGS.get(detector)
