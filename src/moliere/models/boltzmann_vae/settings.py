"""What can be chosen for a hierarchical VAE."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from moliere.config import Config


class HierarchicalVAEConfig(Config):
    """Settings of :class:`~moliere.models.boltzmann_vae.hierarchical_vae.HierarchicalVAE`."""

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
    cells: Literal["hits", "normal"] = Field(
        default="hits",
        description="what is decoded: hits and their energies, as published, or normal numbers, zeros included",
    )
    augment: bool = Field(default=False, description="turn and mirror showers at random, where the condition allows it")
    layers: bool = Field(
        default=True,
        description="layer energies and counts from a head of their own; false: as published",
    )
    scatter: bool = Field(
        default=True, description="cells scatter around what is decoded, as in training; false: as published"
    )
    voxel_weight: float = Field(
        default=0.01, ge=0, description="of squared differences of voxels, where cells are hits"
    )
    hit_weight: float = Field(default=1.0, ge=0, description="where cells are hits; normal numbers count as they are")
    layer_weight: float = Field(default=1.0, ge=0)
    kl_weight: float = Field(default=1.0, ge=0, description="of the divergence from the prior; 0 is an autoencoder")
    kl_steps: int = Field(default=0, ge=0, description="updates in which that weight rises from 0, against collapse")
    reward: float = Field(
        default=0.0,
        ge=0,
        description="weight of the reward for what each level and those after it tell; 0 leaves it out; with it take "
        "kl_weight = 1 / (1 + reward), else all levels fall asleep",
    )
    reward_discount: float = Field(default=0.9, ge=0, le=1, description="of the rewards of later levels, a level")
    threshold: float | None = Field(
        default=None, gt=0, description="MeV; smaller signals are learned and made as zero; the detector's by default"
    )

    @model_validator(mode="after")
    def _normal_cells_share_a_layer(self) -> HierarchicalVAEConfig:
        if self.cells == "normal" and not (self.layers and self.scatter and self.slope is None):
            raise ValueError('cells = "normal" needs layers = true and scatter = true, and has no slope')
        return self
