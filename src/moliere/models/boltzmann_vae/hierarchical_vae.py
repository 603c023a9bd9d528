"""The hierarchical VAE of bits whose prior is a Boltzmann machine clamped to the incident energy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.config import Config
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.boltzmann_vae.bits import Bits, Shower, draw_bits, entropy, logistic_noise
from moliere.models.boltzmann_vae.boltzmann import (
    TOPOLOGIES,
    BoltzmannMachine,
    EnergyBits,
    PersistentChains,
    build_sampler,
    conditional_means,
    contrastive_divergence,
    pseudo_likelihood,
)
from moliere.models.boltzmann_vae.layer_numbers import CorrelatedNormal, LayerNumbers
from moliere.models.boltzmann_vae.polar_convolution import Shape, check_signals, polar_stack
from moliere.models.boltzmann_vae.reward import reward_loss
from moliere.models.boltzmann_vae.voxel_decoder import CellSpread, Decoder, Voxels, build_decoder
from moliere.models.boltzmann_vae.voxel_encoder import HierarchicalEncoder
from moliere.models.networks.layer_state import readout_threshold
from moliere.preprocess import ConditionEncoding, LogitFraction

_SEED = 0  # of the noise in the layers' numbers that transforms and correlations are fitted to
#: chains an event that the prior's means at its energy are taken from, and how close to 0 and 1 these may come: a bit
#: that the chains never saw differ would otherwise cost as much as all others
_CHAINS, _SUREST = 8, 1e-3


class HierarchicalVAEConfig(Config):
    """Settings of :class:`HierarchicalVAE`."""

    kind: Literal["hierarchical-vae"] = "hierarchical-vae"
    levels: tuple[int, ...] = Field(default=(302, 302, 302), min_length=1, description="bits of each level")
    energy_bits: tuple[int, int, int] = Field(default=(19, 17, 17), description="of E, √E and ln E, in the prior")
    clamped_nodes: int | None = Field(default=None, ge=1, description="of the prior; as many as energy bits by default")
    gray: bool = Field(default=False, description="energy bits in Gray code")
    prior: Literal["full", "zephyr", "none"] = Field(
        default="full", description="couplings of the prior: all, those of an annealer's chip, or none (Bernoulli)"
    )
    chains: int = Field(default=256, ge=1, description="persistent chains that the prior learns by")
    sweeps: int = Field(default=10, ge=1, description="of the chains, in each update")
    prior_decay: float = Field(default=0.0, ge=0, description="weight decay of the couplings")
    sampler: str = Field(default="gibbs", description="who samples the prior when events are generated")
    sampler_settings: dict[str, Any] = Field(default_factory=lambda: {"steps": 500})
    sampler_fall_back: bool = Field(default=False, description="take Gibbs sampling where the sampler cannot be had")
    decoder: Literal["plain", "hierarchical"] = "hierarchical"
    slices: bool = Field(default=True, description="sub-decoders share the layers; false: each makes all of them")
    carried: int = Field(
        default=64, ge=0, description="numbers from each sub-decoder to the next; 0: all of its voxels, as published"
    )
    positions: bool = Field(
        default=False, description="earlier levels reach the encoder as one number added to every voxel, as published"
    )
    slope: tuple[float, float] | None = Field(
        default=None,
        description="of activations below 0, falling as bits sharpen (published: 0.05, 0); left as they are by default",
    )
    channels: tuple[int, ...] = Field(default=(32, 64, 128), min_length=2, description="of convolutions, finest first")
    width: int = Field(default=256, ge=8, description="of perceptrons")
    sharpness: tuple[float, float] = Field(default=(1.0, 100.0), description="of relaxed bits, first and last")
    sharpen_steps: int = Field(default=20_000, ge=1, description="updates from the first sharpness to the last")
    layers: bool = Field(
        default=True,
        description="layer energies and counts from a head of their own; false: as published",
    )
    scatter: bool = Field(
        default=True, description="cells scatter around what is decoded, as in training; false: as published"
    )
    voxel_weight: float = Field(default=0.01, ge=0, description="of squared differences of voxels in network space")
    hit_weight: float = Field(default=1.0, ge=0)
    layer_weight: float = Field(default=1.0, ge=0)
    kl_weight: float = Field(default=1.0, ge=0, description="of the divergence from the prior; 0 is an autoencoder")
    kl_steps: int = Field(default=0, ge=0, description="updates in which that weight rises from 0, against collapse")
    reward: float = Field(
        default=0.0,
        ge=0,
        description="weight of the reward for what each level and those after it tell; 0 leaves it out, as 0.3 put all "
        "levels to sleep after four epochs",
    )
    reward_discount: float = Field(default=0.9, ge=0, le=1, description="of the rewards of later levels, a level")
    threshold: float | None = Field(
        default=None, gt=0, description="MeV; smaller signals are learned and made as zero; the detector's by default"
    )


@models.register("hierarchical-vae")
class HierarchicalVAE(GenerativeModel):
    r"""Showers ⇄ levels of bits; a Boltzmann machine, clamped to bits of the incident energy, is the bits' prior.

    .. math:: \mathcal{L} = -\ln p(x \mid z) - H(q(z \mid x)) + \langle E(z) \rangle_q

    without ln Z, on which only the machine depends: it learns by contrastive divergence, which is the objective
    ``prior``; the shown value of that one is minus the pseudo-likelihood a node. ``vae`` moves encoder and decoder.

    ln p(x | z) has a Bernoulli number for each cell's hit, a squared difference weighted by :math:`e^{u/2}` for the
    cells that answer, and, with ``layers``, correlated normal numbers for the energy and the count of every layer.
    Cells then only share their layer's energy, so that the response is as right as those few numbers are: without
    them, errors of thousands of exponentials add up in every total.

    With ``reward``, levels are rewarded for what they and those after them tell
    (:func:`~moliere.models.boltzmann_vae.reward.reward_loss`), each by a decoder of its own that never sees the levels
    before; these decoders are of no use in generation. A nat of divergence costs there what it costs above.

    The latent is the prior's bits, N(0, 1) for the layers, a logistic number for each cell's hit, and, with
    ``scatter``, N(0, 1) for its distance from the decoded value: a decoder trained with squared errors gives the mean.

    Differences to the original, of the recipe ``calo4pqvae-published`` too: the condition of the networks is the energy
    as a number, that of the prior its bits; a level's logits come from a perceptron behind the convolutions; pictures
    grow by repeated cells and a convolution instead of transposed convolutions with cropping; groups are normalised
    instead of batches; chains persist from the start, where the original's start from the data until its epoch 200.

    The other recipes differ more: 100 bits a level for 302; a sub-decoder hands on ``carried`` = 64 numbers for its
    2,160 to 2,352 voxels, so that the next one sees a summary and not which cells answered; earlier bits reach the
    encoder one by one and not as one number (``positions``); activations below 0 are left as they are (``slope``); 500
    Gibbs steps for 3,000, so that chains that mix slowly remember where they began; ``layers``, ``scatter`` and
    ``reward`` are not in the original.

    References:
        Zephyr quantum-assisted hierarchical Calo4pQVAE, I. Lu, 2024, https://arxiv.org/abs/2412.04677; Conditioned
        quantum-assisted deep generative surrogate, J. Q. Toledo-Marín, 2024, https://arxiv.org/abs/2410.22870
    """

    config_type: ClassVar[type[Config]] = HierarchicalVAEConfig
    citation: ClassVar[str] = "Toledo-Marín et al. 2024, arXiv:2410.22870; Lu et al. 2024, arXiv:2412.04677"

    steps: Tensor

    def __init__(self, config: HierarchicalVAEConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.detector, shape = polar_stack(context.detector, config.kind)
        self.threshold = readout_threshold(config.threshold, self.detector)
        self.encoding = ConditionEncoding(context.columns, context.particles)
        self.bits = EnergyBits(config.clamped_nodes or sum(config.energy_bits), config.energy_bits, gray=config.gray)
        self.voxels = LogitFraction()
        self.coder = LayerNumbers([grid.n_cells for grid in self.detector.grids], self.threshold)
        condition_width = self.encoding.width
        self.encoder = HierarchicalEncoder(
            shape, condition_width, config.channels, config.width, config.levels, positions=config.positions
        )
        self.decoder = build_decoder(
            config.decoder,
            shape,
            config.levels,
            condition_width,
            config.channels,
            slices=config.slices,
            carried=config.carried,
        )
        self.head = (
            CorrelatedNormal(sum(config.levels) + condition_width, config.width, self.coder.width)
            if config.layers
            else None
        )
        following = [config.levels[k:] for k in range(1, len(config.levels))] if config.reward else []
        self.skips = nn.ModuleList(_Skip(config, shape, left, condition_width, self.coder.width) for left in following)
        self.spread = CellSpread()
        self.machine = BoltzmannMachine(TOPOLOGIES[config.prior]((self.bits.n_nodes, *config.levels)))
        self.chains = PersistentChains(config.chains, self.machine.n_free)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def fit_transforms(self, batch: Batch) -> None:
        """Fit condition and layers; start the decoder from the mean shower, the layers from their correlations.

        Raises:
            InvalidEvents: a layer without energy in all events, or a cell with more than the incident energy.
            UnsupportedIncident: energies that do not fit into the energy bits.
        """
        energy, signals = self._energy(batch.condition), self._cut(batch.signals)
        self.bits.encode(energy)
        check_signals(self.detector, signals, energy)
        self.encoding.fit(batch.condition)
        state = self.coder.measure(signals)
        rng = torch.Generator().manual_seed(_SEED)
        self.coder.fit(state, energy, rng)
        numbers = self.coder.encode(state, energy, rng)
        x = self.voxels(signals, energy).float()
        lit = (x > 0).sum(dim=0)
        for decoder, head in self._heads:
            if head is not None:
                head.start(numbers)
            decoder.start(lit / max(1, len(x)), x.sum(dim=0) / lit.clamp(min=1))

    def objectives(self) -> tuple[Objective, ...]:
        """Evidence bound, with the reward where it is asked for, then contrastive divergence."""
        return (
            Objective("vae", self._network_parameters, self._vae_loss),
            Objective("prior", self.machine.parameters, self._prior_loss),
        )

    def _network_parameters(self) -> list[nn.Parameter]:
        parts = [part for part in (self.encoder, self.decoder, self.head, self.skips) if part is not None]
        return [parameter for part in parts for parameter in part.parameters()]

    def see(self, batch: Batch, rng: torch.Generator) -> Shower:
        """Events as the networks see them; noise spreads whole numbers of cells over their bins."""
        energy, signals = self._energy(batch.condition), self._cut(batch.signals)
        return Shower(
            self.voxels(signals, energy).float(),
            self.encoding(batch.condition),
            self.bits.encode(energy),
            self.coder.encode(self.coder.measure(signals), energy, rng),
        )

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and bits of each level, (n, bits of the level)."""
        logits, bits = self.encoder(shower.x, shower.condition, shower.clamped, draw)
        return logits, bits

    def explain(self, shower: Shower, bits: Bits, level: int = 0) -> tuple[Voxels, Tensor]:
        """What a level and those after it say of a shower.

        Args:
            shower: some events.
            bits: of all levels.
            level: the first that is looked at; levels after the first have heads only with the reward.

        Returns:
            Logits of hits and activations, (n, n_channels) each, and the logarithm of p(x | z≥level) with the settings'
            weights and up to a constant, (n,).
        """
        decoder, head = self._heads[level]
        hits, activations = decoder(bits[level:], shower.condition)
        activations, lit, settings = self._bend(activations), shower.x > 0, self.settings
        away = (shower.x - activations).square() * (shower.x / 2).exp() * lit
        missed = F.binary_cross_entropy_with_logits(hits, lit.to(hits), reduction="none")
        loss: Tensor = (settings.voxel_weight * away + settings.hit_weight * missed).sum(dim=1)
        if head is not None:
            given = torch.cat([*bits[level:], shower.condition], dim=1)
            loss = loss + settings.layer_weight * head.negative_log_likelihood(given, shower.layers)
        return (hits, activations), -loss

    def log_likelihood_from(self, level: int, bits: Bits, shower: Shower) -> Tensor:
        """The logarithm of p(x | z≥level), (n,); that of all levels learns from the bound, not from the reward."""
        with torch.set_grad_enabled(level > 0 and torch.is_grad_enabled()):
            return self.explain(shower, bits, level)[1]

    @property
    def _heads(self) -> list[tuple[Decoder, CorrelatedNormal | None]]:
        """What sees a level and those after it, by that level."""
        skips = [(skip.decoder, skip.head) for skip in self.skips if isinstance(skip, _Skip)]
        return [(self.decoder, self.head), *skips]

    def prior_means(self, shower: Shower, rng: torch.Generator) -> list[Tensor]:
        """Of the bits of each level, the machine clamped to each event's energy."""
        means = conditional_means(self.machine, shower.clamped, rng, self.settings.sweeps, _CHAINS)
        return list(means.clamp(_SUREST, 1 - _SUREST).to(shower.x).split(self.settings.levels, dim=1))

    @property
    def sharpness(self) -> float:
        """Of relaxed bits, after as many updates as there were."""
        return self._anneal(*self.settings.sharpness)

    def _anneal(self, first: float, last: float) -> float:
        return first + (last - first) * min(1.0, int(self.steps) / self.settings.sharpen_steps)

    def _bend(self, activations: Tensor) -> Tensor:
        """Activations as they count: below 0 with the slope of now, and with the last one out of training."""
        slope = self.settings.slope
        if slope is None:
            return activations
        return F.leaky_relu(activations, self._anneal(*slope) if self.training else slope[1])

    @property
    def kl_weight(self) -> float:
        """Of the divergence, after as many updates as there were."""
        rise = self.settings.kl_steps
        return self.settings.kl_weight * (min(1.0, int(self.steps) / rise) if rise and self.training else 1.0)

    def _vae_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        shower, settings = self.see(batch, rng), self.settings
        sharpness = self.sharpness if self.training else None
        logits, bits = self.encode(shower, lambda level: draw_bits(level, rng, sharpness))
        (_, activations), evidence = self.explain(shower, bits)
        unsure = torch.stack([entropy(level) for level in logits]).sum(dim=0)
        divergence = self.machine.energy(shower.clamped, torch.cat(bits, dim=1)) - unsure
        loss = (self.kl_weight * divergence - evidence).mean()
        if settings.reward:
            loss = loss + settings.reward * reward_loss(self, shower, rng, self.kl_weight, settings.reward_discount)

        def learn() -> None:
            self.steps += 1
            if settings.scatter:
                said, lit = activations.detach(), shower.x > 0
                energies = self._log_energies(said, self._energy(batch.condition))
                self.spread.learn(energies[lit], (shower.x - said)[lit])

        return Loss(loss, learn=learn)

    def _prior_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        shower = self.see(batch, rng)
        with torch.no_grad():
            bits = torch.cat(self.encode(shower, lambda level: draw_bits(level, rng))[1], dim=1)
        chains = self.chains.advance(self.machine, shower.clamped, self.settings.sweeps, rng)
        decay = self.settings.prior_decay
        slope = contrastive_divergence(self.machine, (shower.clamped, bits), chains, decay)
        # the divergence's own value carries no information: it is near zero at the start and at the end
        unlikely = -pseudo_likelihood(self.machine, shower.clamped, bits).mean() / self.machine.n_free
        return Loss(slope - slope.detach() + unlikely, learn=lambda: self.chains.keep(chains[1]))

    @property
    def latent(self) -> tuple[Latent, ...]:
        """The prior's bits, then numbers for layers, for cells' hits, and for how far cells scatter."""
        return (
            Latent(self.machine.n_free, "prior-bits"),
            Latent(0 if self.head is None else self.coder.width),
            Latent(self.detector.n_channels, "logistic"),
            Latent(self._n_scattered),
        )

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """The prior's bits, normal numbers for layers, logistic and normal ones for cells, (n, latent_size)."""
        settings = self.settings
        sampler = build_sampler(settings.sampler, settings.sampler_settings, fall_back=settings.sampler_fall_back)
        clamped = self.bits.encode(self._energy(condition)).to(self.machine.bias_at_offset.device)
        bits = sampler.sample(self.machine, clamped, rng).to(condition.device, torch.float32)
        n_events, n_layers = len(condition), 0 if self.head is None else self.coder.width
        layers = torch.randn((n_events, n_layers), generator=rng, device=rng.device).to(bits)
        hits = logistic_noise(bits.new_zeros(n_events, self.detector.n_channels), rng)
        scatter = torch.randn((n_events, self._n_scattered), generator=rng, device=rng.device).to(bits)
        return torch.cat([bits, layers, hits, scatter], dim=1)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → voxels, and with ``layers`` their layers' energies → signals in MeV."""
        bits, noise, hits, scatter = latent.split([part.size for part in self.latent], dim=1)
        energy, given = self._energy(condition), self.encoding(condition)
        logits, decoded = self.decoder(bits.split(self.settings.levels, dim=1), given)
        activations = self._bend(decoded)
        if self.settings.scatter:
            activations = activations + scatter * self.spread(self._log_energies(activations, energy))
        lit, values = logits + hits, self.voxels.inverse(activations, energy)
        if self.head is None:
            return self._cut(torch.where(lit > 0, values, torch.zeros_like(values))).float()
        state = self.coder.decode(self.head(torch.cat([bits, given], dim=1), noise), energy)
        return self.coder.share_out(state, lit, values, self.detector.slices).float()

    @property
    def _n_scattered(self) -> int:
        return self.detector.n_channels if self.settings.scatter else 0

    def _log_energies(self, activations: Tensor, energy: Tensor) -> Tensor:
        """Of cells as decoded, ln of MeV, (n, n_channels)."""
        return self.voxels.inverse(activations, energy).clamp(min=1e-30).log().to(activations)

    def _energy(self, condition: Tensor) -> Tensor:
        return self.incident(condition, "energy")

    def _cut(self, signals: Tensor) -> Tensor:
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)


class _Skip(nn.Module):
    """The path from one level and those after it to the shower, past the levels before, which it never sees."""

    def __init__(
        self, config: HierarchicalVAEConfig, shape: Shape, levels: tuple[int, ...], condition_width: int, numbers: int
    ) -> None:
        super().__init__()
        self.decoder = build_decoder("plain", shape, levels, condition_width, config.channels)
        self.head = CorrelatedNormal(sum(levels) + condition_width, config.width, numbers) if config.layers else None
