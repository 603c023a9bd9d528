"""The fast muon source: Pythia's flux as tables of quantiles, so that a million muons take a second and no download.

Every family of muons (from pions, kaons, light mesons, charm) and each charge has two tables in normal scores: ln p
as a function of a standard normal number, and ln pt as a function of that number and a second one. Two independent
normal numbers thus become a momentum with its own spectrum and a transverse momentum whose spectrum depends on it.
Azimuth and place of production follow from the beam dump as they do behind Pythia.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import scipy

from moliere.detectors.base import Floats, Ints
from moliere.simulators.muons.beam_dump import MESON_LENGTH, start_points
from moliere.simulators.muons.decays import KAON, PION, isotropic
from moliere.simulators.muons.flux import FAMILIES, MOMENTUM_CUT, PROMPT, Flux

#: normal scores at which momenta and transverse momenta are tabulated
P_SCORES = np.arange(-4.5, 4.75, 0.5)
PT_SCORES = np.arange(-4.5, 4.75, 0.5)
_HIGHEST = float(P_SCORES[-1])
#: steps of the tables in use for each of those shipped: fine enough to interpolate linearly
_REFINE = 16
#: momentum that a decay gives a muon across its parent, in MeV
_KICKS = {"pion": PION.kick, "kaon": KAON.kick}


@dataclass(frozen=True)
class Group:
    """Muons of one family and charge.

    Args:
        family: position in :data:`FAMILIES`.
        charge: 1 or -1.
        per_proton: muons above the cut for each proton on target.
        log_p: ln of momentum over cut at every score, on the fine grid, (m,).
        log_pt: ln of transverse momentum in MeV, (m, m), scores of momentum first.
    """

    family: int
    charge: int
    per_proton: float
    log_p: Floats
    log_pt: Floats

    def draw_momenta(self, n: int, rng: np.random.Generator) -> Floats:
        """px, py, pz in MeV, (n, 3)."""
        first, second = _grid_positions(n, rng), _grid_positions(n, rng)
        p = MOMENTUM_CUT * np.exp(_interpolate(self.log_p, first))
        pt = np.minimum(np.exp(_interpolate_both(self.log_pt, first, second)), p)
        azimuth = rng.uniform(0, 2 * np.pi, n)
        return np.column_stack([pt * np.cos(azimuth), pt * np.sin(azimuth), np.sqrt(p**2 - pt**2)])

    def draw(self, n: int, rng: np.random.Generator) -> Flux:
        """So many muons of weight 1 where they start."""
        momenta = self.draw_momenta(n, rng)
        name = FAMILIES[self.family]
        kicks = _KICKS.get(name, 0.0) * isotropic(n, rng)
        parents = momenta + np.column_stack([kicks[:, :2], np.zeros(n)])
        directions = parents / np.linalg.norm(parents, axis=1, keepdims=True)
        paths = np.zeros(n) if name in PROMPT else MESON_LENGTH * rng.standard_exponential(n)
        position = start_points(paths, directions, rng)
        return Flux(np.full(n, self.charge), position, momenta, np.ones(n), np.full(n, self.family))


@dataclass(frozen=True)
class Table:
    """All groups, as fitted.

    Args:
        groups: families and charges.
        source: what they were fitted to.
    """

    groups: tuple[Group, ...]
    source: str

    @property
    def per_proton(self) -> float:
        """Muons above the cut for each proton on target."""
        return sum(group.per_proton for group in self.groups)

    def draw(self, n: int, prompt_share: float, rng: np.random.Generator) -> Flux:
        """So many muons where they start, in no order.

        Args:
            n: number of muons.
            prompt_share: how many of them are prompt, above 0 and below 1; weights undo what this changes.
            rng: source of randomness.

        Returns:
            Muons whose weights are 1 on average.
        """
        natural = np.array([group.per_proton for group in self.groups]) / self.per_proton
        prompt = np.array([FAMILIES[group.family] in PROMPT for group in self.groups])
        wanted = np.where(prompt, prompt_share, 1 - prompt_share)
        drawn = natural * wanted / np.where(prompt, natural[prompt].sum(), natural[~prompt].sum())
        chosen = rng.choice(len(self.groups), n, p=drawn)
        return self._fill(chosen, natural / drawn, rng)

    def _fill(self, chosen: Ints, weights: Floats, rng: np.random.Generator) -> Flux:
        """Muons of the chosen groups, in that order."""
        n = len(chosen)
        flux = Flux(np.zeros(n, np.int64), np.zeros((n, 3)), np.zeros((n, 3)), weights[chosen], np.zeros(n, np.int64))
        for number, group in enumerate(self.groups):
            at = np.flatnonzero(chosen == number)
            part = group.draw(len(at), rng)
            flux.charge[at], flux.family[at] = part.charge, part.family
            flux.position[at], flux.momentum[at] = part.position, part.momentum
        return flux


@cache
def shipped() -> Table:
    """The numbers that come with the package."""
    file = resources.files("moliere.simulators.muons") / "flux.json"
    return from_json(json.loads(file.read_text()))


def from_json(fitted: Mapping[str, Any]) -> Table:
    """The table of what ``scripts/fit_muons.py`` wrote."""
    groups = (_read_group(name, numbers) for name, numbers in fitted["groups"].items())
    return Table(tuple(groups), fitted["source"])


def _read_group(name: str, numbers: Mapping[str, Any]) -> Group:
    """A group by its name, such as ``pion+``, on the fine grid."""
    log_p, log_pt = np.array(numbers["log_p"]), np.array(numbers["log_pt"])
    fine_pt = _refine(P_SCORES, _refine(PT_SCORES, log_pt.T).T)
    charge = 1 if name.endswith("+") else -1
    return Group(FAMILIES.index(name[:-1]), charge, numbers["per_proton"], _refine(P_SCORES, log_p), fine_pt)


def _refine(scores: Floats, values: Floats) -> Floats:
    """Values on the fine grid, along the first axis, monotone between two knots where the knots are."""
    from scipy.interpolate import PchipInterpolator

    fine = np.linspace(scores[0], scores[-1], _REFINE * (len(scores) - 1) + 1)
    return np.asarray(PchipInterpolator(scores, values, axis=0)(fine))


def _grid_positions(n: int, rng: np.random.Generator) -> Floats:
    """Standard normal numbers within the table, in steps of its fine grid; the 7e-6 beyond are not drawn."""
    lowest, highest = scipy.special.ndtr(-_HIGHEST), scipy.special.ndtr(_HIGHEST)
    scores = scipy.special.ndtri(rng.uniform(lowest, highest, n))
    step = (P_SCORES[1] - P_SCORES[0]) / _REFINE
    return np.asarray((scores + _HIGHEST) / step)


def _split(position: Floats, last: int) -> tuple[Ints, Floats]:
    """The grid point before, and how far it is to the next."""
    before = np.clip(position.astype(np.int64), 0, last - 1)
    return before, position - before


def _interpolate(values: Floats, position: Floats) -> Floats:
    at, w = _split(position, len(values) - 1)
    return np.asarray(values[at] * (1 - w) + values[at + 1] * w)


def _interpolate_both(values: Floats, first: Floats, second: Floats) -> Floats:
    row, v = _split(first, len(values) - 1)
    flat, width = values.reshape(-1), values.shape[1]
    at, w = _split(second, width - 1)
    at = at + row * width
    low = flat[at] * (1 - w) + flat[at + 1] * w
    high = flat[at + width] * (1 - w) + flat[at + width + 1] * w
    return np.asarray(low * (1 - v) + high * v)
