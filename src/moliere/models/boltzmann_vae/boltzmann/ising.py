"""A Boltzmann machine as an annealer knows it: spins, fields, couplings, and the temperature they seem to have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from moliere.errors import InvalidQuantity
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine

_HOTTEST, _COLDEST = 1e-6, 1e6


@dataclass(frozen=True)
class Ising:
    """Energy of spins s = ±1: offset + Σ h s + Σ_{i<j} J s s.

    Args:
        fields: h (n,).
        couplings: J (n, n), symmetric, zero on the diagonal; each pair counts once.
        offset: energy that no spin changes.
    """

    fields: NDArray[np.float64]
    couplings: NDArray[np.float64]
    offset: float = 0.0

    def energy(self, spins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each row of spins (n_reads, n)."""
        pairs = np.einsum("ri,ri->r", spins @ self.couplings, spins) / 2
        energy: NDArray[np.float64] = self.offset + spins @ self.fields + pairs
        return energy

    def scaled(self, factor: float) -> Ising:
        """The same with all energies multiplied."""
        return Ising(self.fields * factor, self.couplings * factor, self.offset * factor)


@torch.no_grad()
def to_ising(machine: BoltzmannMachine) -> Ising:
    """The same energies in terms of spins s = 2 p − 1, clamped nodes first.

    h = −b/2 − ΣW/4 and J = −W/4; the clamped nodes are spins like all others and have no bias.
    """
    weights = machine.coupling_matrix().double().cpu().numpy()
    bias = np.concatenate([np.zeros(machine.n_clamped), machine.bias.double().cpu().numpy()])
    fields = -bias / 2 - weights.sum(axis=1) / 4
    return Ising(fields, -weights / 4, offset=float(-bias.sum() / 2 - weights.sum() / 8))


def inverse_temperature(ising: Ising, spins: NDArray[np.float64], free: slice = slice(None)) -> float:
    """β of exp(−β E) that reads of an annealer look like, by maximum pseudo-likelihood.

    Each spin given all others is a coin whose odds only β can move; unlike a comparison of mean energies, this needs
    no samples of the machine itself and no learning rate.

    Args:
        ising: what was programmed.
        spins: reads (n_reads, n).
        free: which of the spins were not held.

    Returns:
        β > 0, in units of what was programmed.

    Raises:
        InvalidQuantity: every spin of every read lies along its field, or no more of them than against it.

    References:
        Estimation of parameters of Gibbsian distributions (pseudo-likelihood), J. Besag, 1975,
        https://doi.org/10.2307/2987782; Effective temperature of annealers, J. Raymond, 2016,
        https://doi.org/10.3389/fict.2016.00023
    """
    # what a flip would win, halved: positive where a spin lies against its field
    stress = (spins * (ising.fields + spins @ ising.couplings))[:, free]

    def slope(beta: float) -> float:
        return float(-(stress * expit(2 * beta * stress)).mean())

    if slope(_HOTTEST) <= 0 or slope(_COLDEST) >= 0:
        raise InvalidQuantity(
            "the reads have no finite positive temperature: all spins follow their fields, or no more of them do than "
            "do not; take more reads, or program weaker fields"
        )
    beta: float = brentq(slope, _HOTTEST, _COLDEST)
    return beta
