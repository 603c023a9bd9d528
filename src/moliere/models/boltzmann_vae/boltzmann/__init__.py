"""The Boltzmann prior: a restricted Boltzmann machine of several partitions, clamped to the incident energy."""

from __future__ import annotations

from moliere.models.boltzmann_vae.boltzmann.chains import (
    GibbsChains,
    PersistentChains,
    conditional_means,
    contrastive_divergence,
    gibbs_sample,
)
from moliere.models.boltzmann_vae.boltzmann.dwave import AnnealerSampler
from moliere.models.boltzmann_vae.boltzmann.energy_bits import EnergyBits, repeated_energy_bits
from moliere.models.boltzmann_vae.boltzmann.likelihood import (
    LogPartition,
    all_states,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
    pseudo_likelihood,
)
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine
from moliere.models.boltzmann_vae.boltzmann.sampler import GibbsSampler, Sampler, build_sampler, samplers
from moliere.models.boltzmann_vae.boltzmann.topology import (
    TOPOLOGIES,
    Topology,
    fully_connected,
    independent,
    sparse,
    zephyr,
)

__all__ = [
    "TOPOLOGIES",
    "AnnealerSampler",
    "BoltzmannMachine",
    "EnergyBits",
    "GibbsChains",
    "GibbsSampler",
    "LogPartition",
    "PersistentChains",
    "Sampler",
    "Topology",
    "all_states",
    "annealed_log_partition",
    "build_sampler",
    "conditional_means",
    "contrastive_divergence",
    "exact_log_partition",
    "fully_connected",
    "gibbs_sample",
    "independent",
    "log_likelihood",
    "pseudo_likelihood",
    "repeated_energy_bits",
    "samplers",
    "sparse",
    "zephyr",
]
