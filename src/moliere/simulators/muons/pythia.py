"""The muon flux of Pythia 8: protons on nucleons, with the decays that make muons weighted instead of awaited.

Pythia is under the GNU General Public License; it is an extra, and imported only where it runs.

References:
    "A comprehensive guide to the physics and usage of PYTHIA 8.3", C. Bierlich, 2022, https://arxiv.org/abs/2203.11601
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from moliere.errors import MissingExtra, MoliereError
from moliere.simulators.muons.beam_dump import BEAM_ENERGY, NEUTRON_SHARE, NUCLEONS_PER_MILLIBARN, start_points
from moliere.simulators.muons.decays import KAON, PION, Meson, muon_momenta
from moliere.simulators.muons.flux import FAMILIES, MOMENTUM_CUT, Flux, join
from moliere.units import GeV

#: of charm, in mb a nucleon, as measured at 400 GeV; leading order, which Pythia has, gives 0.0026
CHARM_CROSS_SECTION = 0.018
_MUON, _PROTON, _NEUTRON = 13, 2212, 2112
#: events whose muons are looked at together, and the most to try before giving up
_CHUNK, _MOST_CHUNKS = 500, 100_000
#: Pythia's own seeds end here
_HIGHEST_SEED = 900_000_000
_SETTINGS = (
    "Beams:frameType = 2",
    "Beams:idA = 2212",
    f"Beams:eA = {BEAM_ENERGY / GeV}",
    "Beams:eB = 0",
    "Print:quiet = on",
    "Random:setSeed = on",
    # what flies more than a millimetre meets the target: pions, kaons and hyperons are left whole
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 1",
)


@dataclass(frozen=True)
class Component:
    """One kind of collision, and what becomes muons in it.

    Args:
        process: Pythia's switch.
        decaying: family and particle of mesons that are left whole and decay by weight, by PDG identifier.
        forced: family → particles that always decay to muons, with the branching fraction as weight.
        rate: collisions of this kind for each inelastic one.
    """

    process: str
    decaying: dict[int, tuple[str, Meson]]
    forced: dict[str, tuple[int, ...]]
    rate: float = 1.0


COMPONENTS = (
    Component("SoftQCD:inelastic", {211: ("pion", PION), 321: ("kaon", KAON)}, {}),
    Component("SoftQCD:inelastic", {}, {"light-meson": (221, 331, 113, 223, 333)}),
    Component(
        "HardQCD:hardccbar",
        {},
        {"charm": (411, 421, 431, 4122, 4132, 4232, 4332)},
        CHARM_CROSS_SECTION * NUCLEONS_PER_MILLIBARN,
    ),
)


def check_installed() -> None:
    """Say how to get Pythia where it is not there.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("pythia8mc") is None:
        raise MissingExtra('Pythia 8 comes as a wheel (GPL): pip install "moliere[muons]"; source=fast needs none')


def generate(n: int, prompt_share: float, rng: np.random.Generator) -> tuple[Flux, float]:
    """So many muons above the cut where they start, in no order, and how many there are for each proton on target.

    Args:
        n: number of muons.
        prompt_share: about how many of them are prompt; weights undo what this changes.
        rng: source of randomness; Pythia is seeded from it.

    Returns:
        Muons whose weights are 1 on average, and the rate that these stand for.

    Raises:
        MissingExtra: Pythia is not installed.
    """
    check_installed()
    shares = [1 - prompt_share if component.decaying else prompt_share / 2 for component in COMPONENTS]
    parts = [make_component(c, int(np.ceil(n * share)), rng) for c, share in zip(COMPONENTS, shares, strict=True)]
    flux = join(parts)
    per_proton = float(flux.weight.sum())
    kept = flux[rng.permutation(len(flux))[:n]]
    return replace(kept, weight=kept.weight * len(flux) / per_proton), per_proton


def make_component(component: Component, n: int, rng: np.random.Generator) -> Flux:
    """At least n muons of one kind of collision, on protons and neutrons in molybdenum's proportion.

    Returns:
        Muons whose weights add up to the number of them for each proton on target.
    """
    parts = []
    for nucleon, share in ((_PROTON, 1 - NEUTRON_SHARE), (_NEUTRON, NEUTRON_SHARE)):
        collider = Collider(component, nucleon, int(rng.integers(1, _HIGHEST_SEED)))
        flux = _collect(collider, int(np.ceil(n * share)), rng)
        parts.append(replace(flux, weight=flux.weight * component.rate * share / collider.events))
    return join(parts)


def _collect(collider: Collider, n: int, rng: np.random.Generator) -> Flux:
    """Muons of as many events as it takes; each weight is what the muon counts in its own event."""
    parts = [_to_flux(collider, rng)]
    for _ in range(_MOST_CHUNKS):
        if sum(map(len, parts)) >= n:
            return join(parts)
        parts.append(_to_flux(collider, rng))
    raise MoliereError(f"{collider.events:,} events of {collider.component.process} made fewer than {n:,} muons")


def _to_flux(collider: Collider, rng: np.random.Generator) -> Flux:
    """The muons above the cut of the next few events."""
    rows = np.array(list(collider.particles()), dtype=np.float64).reshape(-1, 6)
    particle, momentum, weight, family = rows[:, 0].astype(np.int64), rows[:, 1:4] * GeV, rows[:, 4], rows[:, 5]
    direction = momentum / np.linalg.norm(momentum, axis=1, keepdims=True)
    path = np.zeros(len(rows))
    for number, (_, meson) in collider.component.decaying.items():
        at = np.abs(particle) == number
        p = np.linalg.norm(momentum[at], axis=1)
        weight[at], path[at] = meson.muon_probabilities(p), meson.paths(p, rng)
        momentum[at] = muon_momenta(momentum[at], meson, rng)
    # mu- is 13, and comes of pi- (-211) as of K- (-321)
    charge = np.where(np.abs(particle) == _MUON, -np.sign(particle), np.sign(particle))
    flux = Flux(charge, start_points(path, direction, rng), momentum, weight, family.astype(np.int64))
    return flux[flux.p > MOMENTUM_CUT]


class Collider:
    """Pythia, set up for protons on one kind of nucleon.

    Args:
        component: what collides how.
        nucleon: PDG identifier of the target.
        seed: of Pythia's own random numbers.

    Attributes:
        events: how many were made.
    """

    def __init__(self, component: Component, nucleon: int, seed: int) -> None:
        import pythia8mc

        self.component = component
        self.events = 0
        self._pythia = pythia8mc.Pythia("", False)
        self._forced = self._force_decays()
        stable = (f"{number}:mayDecay = no" for number in component.decaying)
        for line in (*_SETTINGS, f"Beams:idB = {nucleon}", f"Random:seed = {seed}", *stable):
            self._pythia.readString(line)
        self._pythia.readString(f"{component.process} = on")
        if not self._pythia.init():
            raise MoliereError(f"Pythia refuses to start {component.process}; see what it printed")

    def particles(self) -> Iterator[tuple[float, ...]]:
        """PDG identifier, px, py, pz in GeV, weight and family of what makes muons in the next few events."""
        for _ in range(_CHUNK):
            if self._pythia.next():
                self.events += 1
                yield from self._forced_muons() if self._forced else self._whole_mesons()

    def _force_decays(self) -> dict[int, tuple[float, int]]:
        """Leave some particles only their decays to muons; their branching fractions and families."""
        forced = {}
        for family, numbers in self.component.forced.items():
            for number in numbers:
                forced[number] = self._muon_branching(number), FAMILIES.index(family)
                self._pythia.readString(f"{number}:onMode = off")
                self._pythia.readString(f"{number}:onIfAny = {_MUON}")
        return forced

    def _muon_branching(self, number: int) -> float:
        """What Pythia's own decay table says."""
        entry = self._pythia.particleData.particleDataEntryPtr(number)
        channels = [entry.channel(k) for k in range(entry.sizeChannels())]
        products = ([abs(c.product(j)) for j in range(c.multiplicity())] for c in channels)
        return float(sum(c.bRatio() for c, ids in zip(channels, products, strict=True) if _MUON in ids))

    def _forced_muons(self) -> Iterator[tuple[float, ...]]:
        event = self._pythia.event
        for particle in event:
            if abs(particle.id()) == _MUON and particle.isFinal():
                mother = abs(event[particle.mother1()].id())
                if mother in self._forced:
                    yield _row(particle, *self._forced[mother])

    def _whole_mesons(self) -> Iterator[tuple[float, ...]]:
        for particle in self._pythia.event:
            found = self.component.decaying.get(abs(particle.id()))
            # no muon has more energy than its parent
            if found and particle.isFinal() and particle.e() * GeV > MOMENTUM_CUT:
                yield _row(particle, 1.0, FAMILIES.index(found[0]))


def _row(particle: Any, weight: float, family: int) -> tuple[float, ...]:
    return particle.id(), particle.px(), particle.py(), particle.pz(), weight, family
