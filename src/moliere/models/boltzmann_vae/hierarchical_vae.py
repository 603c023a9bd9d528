"""The hierarchical VAE of bits whose prior is a Boltzmann machine clamped to the incident energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
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
from moliere.models.boltzmann_vae.cells import HitCells, NormalCells
from moliere.models.boltzmann_vae.layer_numbers import CorrelatedNormal, LayerNumbers
from moliere.models.boltzmann_vae.polar_convolution import Shape, check_signals, polar_stack
from moliere.models.boltzmann_vae.reward import reward_loss
from moliere.models.boltzmann_vae.settings import HierarchicalVAEConfig
from moliere.models.boltzmann_vae.voxel_decoder import Decoder, PlainDecoder, Voxels, build_decoder
from moliere.models.boltzmann_vae.voxel_encoder import HierarchicalEncoder
from moliere.models.flow.geometry import Ints, symmetries, turned
from moliere.models.networks.layer_state import LayerScores, readout_threshold
from moliere.models.networks.residual_mlp import zero_init
from moliere.preprocess import ConditionEncoding, LogitFraction

_SEED = 0  # of the noise in the layers' numbers that transforms and correlations are fitted to
#: chains an event that the prior's means at its energy are taken from, and how close to 0 and 1 these may come: a bit
#: that the chains never saw differ would otherwise cost as much as all others
_CHAINS, _SUREST = 8, 1e-3


@models.register("hierarchical-vae")
class HierarchicalVAE(GenerativeModel):
    r"""Showers ⇄ levels of bits; a Boltzmann machine, clamped to bits of the incident energy, is the bits' prior.

    .. math:: \mathcal{L} = -\ln p(x \mid z) - H(q(z \mid x)) + \langle E(z) \rangle_q

    without ln Z, on which only the machine depends: it learns by contrastive divergence, which is the objective
    ``prior``; the shown value of that one is minus the pseudo-likelihood a node. ``vae`` moves encoder and decoder.

    ln p(x | z) is that of the cells, which are hits (:class:`~moliere.models.boltzmann_vae.cells.HitCells`) or normal
    numbers (:class:`~moliere.models.boltzmann_vae.cells.NormalCells`), and, with ``layers``, of correlated normal
    numbers for the energy and the count of every layer. Cells then only share their layer's energy, so that the
    response is as right as those few numbers are: without them, errors of thousands of exponentials add up in every
    total.

    With ``reward``, levels are rewarded for what they and those after them tell
    (:func:`~moliere.models.boltzmann_vae.reward.reward_loss`), each by a decoder of its own that never sees the levels
    before; these decoders are of no use in generation. A nat of divergence costs there what it costs above, so that a
    bit pays for every nat 1 + ``reward`` times what it brings to generation: with ``kl_weight`` at 1, where bits tell
    hardly more than they cost, all levels fall asleep. With 1 / (1 + ``reward``) they stay awake, and late levels tell
    more by themselves.

    The latent is the prior's bits, N(0, 1) for the layers, a logistic number for each cell if cells are hits, and, with
    ``scatter``, N(0, 1) for its distance from the decoded value: a decoder trained with squared errors gives the mean.

    Differences to the original, of the recipe ``calo4pqvae-published`` too: the condition of the networks is the energy
    as a number, that of the prior its bits; a level's logits come from a perceptron behind the convolutions; pictures
    grow by repeated cells and a convolution instead of transposed convolutions with cropping; groups are normalised
    instead of batches; chains persist from the start, where the original's start from the data until its epoch 200.

    The other recipes differ more: in ``calo4pqvae`` cells are normal numbers, as in a short training bits say little of
    single hits, and showers are turned at random (``augment``); 100 bits a level for 302; a sub-decoder hands on
    ``carried`` = 64 numbers for its 2,160 to 2,352 voxels, so that the next one sees a summary and not which cells
    answered; earlier bits reach the encoder one by one and not as one number (``positions``); activations below 0 are
    left as they are (``slope``); 500 Gibbs steps for 3,000, so that chains that mix slowly remember where they began.
    ``layers``, ``scatter`` and ``reward`` are not in the original.

    References:
        Zephyr quantum-assisted hierarchical Calo4pQVAE, I. Lu, 2024, https://arxiv.org/abs/2412.04677; Conditioned
        quantum-assisted deep generative surrogate, J. Q. Toledo-Marín, 2024, https://arxiv.org/abs/2410.22870
    """

    config_type: ClassVar[type[Config]] = HierarchicalVAEConfig
    citation: ClassVar[str] = "Toledo-Marín et al. 2024, arXiv:2410.22870; Lu et al. 2024, arXiv:2412.04677"

    steps: Tensor
    symmetries: Tensor

    def __init__(self, config: HierarchicalVAEConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.detector, shape = polar_stack(context.detector, config.kind)
        self.threshold = readout_threshold(config.threshold, self.detector)
        self.encoding = ConditionEncoding(context.columns, context.particles)
        self.bits = EnergyBits(config.clamped_nodes or sum(config.energy_bits), config.energy_bits, gray=config.gray)
        self.voxels = LogitFraction()
        turns = symmetries(self.detector, context.columns)
        self.coder, self.cells = self._coders(turns)
        self.register_buffer("symmetries", torch.tensor(turns if config.augment else turns[:1]), persistent=False)
        condition_width = self.encoding.width
        self.encoder = HierarchicalEncoder(
            shape,
            condition_width + self.cells.n_directions,
            config.channels,
            config.width,
            config.levels,
            positions=config.positions,
        )
        self.decoder = build_decoder(
            config.decoder,
            shape,
            config.levels,
            condition_width,
            config.channels,
            self.cells.answer,
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
        self.moves = nn.ModuleList(
            zero_init(nn.Linear(sum(config.levels[k:]) + condition_width, self.cells.n_directions))
            for k in range(1 + len(self.skips) if self.cells.n_directions else 0)
        )
        self.machine = BoltzmannMachine(TOPOLOGIES[config.prior]((self.bits.n_nodes, *config.levels)))
        self.chains = PersistentChains(config.chains, self.machine.n_free)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_pre_hook(_name_spread)  # type: ignore[no-untyped-call]

    def _coders(self, turns: Ints) -> tuple[LayerNumbers | LayerScores, HitCells | NormalCells]:
        """What layers and cells are to the networks."""
        sizes, settings = [grid.n_cells for grid in self.detector.grids], self.settings
        if settings.cells == "normal":
            return LayerScores(sizes, self.threshold), NormalCells(self.detector, self.threshold, turns)
        weights = settings.voxel_weight, settings.hit_weight
        return LayerNumbers(sizes, self.threshold), HitCells(self.detector, self.threshold, weights)

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
        self.coder.fit(state, energy)
        numbers = self.coder.encode(state, energy, torch.Generator().manual_seed(_SEED))
        said = self.cells.fit(signals, state, energy)
        for decoder, head in self._heads:
            if head is not None:
                head.start(numbers)
            decoder.start(said)

    def objectives(self) -> tuple[Objective, ...]:
        """Evidence bound, with the reward where it is asked for, then contrastive divergence."""
        return (
            Objective("vae", self._network_parameters, self._vae_loss),
            Objective("prior", self.machine.parameters, self._prior_loss),
        )

    def _network_parameters(self) -> list[nn.Parameter]:
        parts = [part for part in (self.encoder, self.decoder, self.head, self.skips, self.moves) if part is not None]
        return [parameter for part in parts for parameter in part.parameters()]

    def see(self, batch: Batch, rng: torch.Generator) -> Shower:
        """Events as the networks see them; noise spreads whole numbers and empty cells over their bins."""
        energy, signals = self._energy(batch.condition), self._cut(batch.signals)
        state = self.coder.measure(signals)
        return Shower(
            self.voxels(signals, energy).float(),
            self.encoding(batch.condition),
            self.bits.encode(energy),
            self.coder.encode(state, energy, rng),
            self.cells.see(signals, state, energy, rng),
        )

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and bits of each level, (n, bits of the level)."""
        told = torch.cat([shower.condition, self.cells.places(shower.cells)], dim=1)
        logits, bits = self.encoder(shower.x, told, shower.clamped, draw)
        return logits, bits

    def explain(self, shower: Shower, bits: Bits, level: int = 0) -> tuple[Voxels, Tensor]:
        """What a level and those after it say of a shower.

        Args:
            shower: some events.
            bits: of all levels.
            level: the first that is looked at; levels after the first have heads only with the reward.

        Returns:
            Two numbers for each cell, (n, n_channels) each, and the logarithm of p(x | z≥level) with the settings'
            weights and up to a constant, (n,).
        """
        said, head = self._say(bits, shower.condition, level), self._heads[level][1]
        loss = self.cells.surprise(said, shower.cells)
        if head is not None:
            given = torch.cat([*bits[level:], shower.condition], dim=1)
            loss = loss + self.settings.layer_weight * head.negative_log_likelihood(given, shower.layers)
        return said, -loss

    def _say(self, bits: Bits, condition: Tensor, level: int = 0) -> Voxels:
        """Two numbers for each cell, from a level and those after it and the encoded condition."""
        first, second = self._heads[level][0](bits[level:], condition)
        if isinstance(self.cells, NormalCells):
            second = second + self.cells.move(self.moves[level](torch.cat([*bits[level:], condition], dim=1)))
        return first, self._bend(second)

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
        shower, settings = self.see(self._turn(batch, rng), rng), self.settings
        sharpness = self.sharpness if self.training else None
        logits, bits = self.encode(shower, lambda level: draw_bits(level, rng, sharpness))
        said, evidence = self.explain(shower, bits)
        unsure = torch.stack([entropy(level) for level in logits]).sum(dim=0)
        divergence = self.machine.energy(shower.clamped, torch.cat(bits, dim=1)) - unsure
        loss = (self.kl_weight * divergence - evidence).mean()
        if settings.reward:
            loss = loss + settings.reward * reward_loss(self, shower, rng, self.kl_weight, settings.reward_discount)

        def learn() -> None:
            self.steps += 1
            if settings.scatter:
                self.cells.learn(said, shower.cells, self._energy(batch.condition))

        return Loss(loss, learn=learn)

    def _prior_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        shower = self.see(self._turn(batch, rng), rng)
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
            Latent(self._n_hits, "logistic"),
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
        hits = logistic_noise(bits.new_zeros(n_events, self._n_hits), rng)
        scatter = torch.randn((n_events, self._n_scattered), generator=rng, device=rng.device).to(bits)
        return torch.cat([bits, layers, hits, scatter], dim=1)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → two numbers a cell, and with ``layers`` what their layers hold → signals in MeV."""
        bits, noise, *rest = latent.split([part.size for part in self.latent], dim=1)
        energy, given = self._energy(condition), self.encoding(condition)
        said, state = self._say(bits.split(self.settings.levels, dim=1), given), None
        if self.head is not None:
            state = self.coder.decode(self.head(torch.cat([bits, given], dim=1), noise), energy)
        return self.cells.make(said, (rest[0], rest[1]), state, energy).float()

    @property
    def _n_hits(self) -> int:
        return self.detector.n_channels if self.settings.cells == "hits" else 0

    @property
    def _n_scattered(self) -> int:
        return self.detector.n_channels if self.settings.scatter else 0

    def _turn(self, batch: Batch, rng: torch.Generator) -> Batch:
        """In training, a random rotation and reflection of each shower."""
        return replace(batch, signals=turned(batch.signals, self.symmetries, rng)) if self.training else batch

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
        self.decoder = PlainDecoder(shape, levels, condition_width, config.channels)
        self.head = CorrelatedNormal(sum(levels) + condition_width, config.width, numbers) if config.layers else None


def _name_spread(_: nn.Module, tensors: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Give the spread of a bundle that was written before cells had a meaning of their own the name that it has now."""
    if f"{prefix}spread.squares" in tensors:
        tensors[f"{prefix}cells.spread.squares"] = tensors.pop(f"{prefix}spread.squares")
