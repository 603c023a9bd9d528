"""A generation in blocks: a batch of events each, which any process can make from the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.detectors import Detector
from moliere.errors import BundleError, ConfigError, did_you_mean
from moliere.events import Events
from moliere.generation.fallback import Fallback, Outside, fallback_for
from moliere.generation.guard import check_incident, check_labels, outside_range
from moliere.models import Bundle, GenerativeModel, SteeredModel
from moliere.models.steering import Proposal, effective_share, steered
from moliere.preprocess import condition_matrix
from moliere.production import Job
from moliere.seeding import derive_seed

#: latents are drawn in chunks of so many events, each with a seed of its own
CHUNK = 256
#: chunks that say how much weighted events are worth
_PILOT = 64


@dataclass(frozen=True)
class Generation(Job):
    """Events of a bundle, one for each incident particle.

    Latents do not depend on the batch size at all; what the network makes of them may differ in the last bits of
    float32, as matrix products of other shapes add up in another order.

    Args:
        bundle: a trained generative model.
        incident: columns (n,).
        n_events: number of events, needed where there are no columns.
        seed: of all events.
        batch_size: events decoded at once, rounded up to whole chunks of latents.
        proposal: makes rare events more often, with the weights that undo it.
        device: where the network runs; latents are always drawn on the CPU.
        outside: what to do outside the bundle's range of validity.
        output: the file; nobody writes it where events are only made.
        format: of the file.

    Raises:
        UnsupportedIncident: particles outside the range, or a column that the model is not conditioned on.
        ConfigError: a simulation beside a proposal.
        BundleError: not a generative model, or with a proposal not one that can be steered.
    """

    bundle: Bundle
    incident: Mapping[str, NDArray[Any]]
    n_events: int | None = None
    seed: int = 0
    batch_size: int = 1024
    proposal: Proposal | None = None
    device: str = "cpu"
    outside: Outside = "refuse"
    output: Path = Path("events.h5")
    format: str = "calochallenge"

    def __post_init__(self) -> None:
        """Fail before anything is made."""
        if self.outside not in (known := get_args(Outside)):
            raise ConfigError(f"outside={self.outside!r}; {did_you_mean(str(self.outside), known)}")
        if self._simulates and self.proposal is not None:
            raise ConfigError(
                "rare events have weights that undo the model's choice, and simulated events have none: extrapolate "
                "instead, or leave out the rareness",
                options=("--outside extrapolate",),
            )
        _ = self.fallback, self.condition
        if not isinstance(self.bundle.model, GenerativeModel):
            kind = type(self.bundle.model).__name__
            raise BundleError(f"bundle {self.bundle.name!r} holds a {kind}, which does not generate events")
        if self.proposal is not None:
            steered(self.bundle)
        check_labels(self.bundle, self.incident)
        if self.outside == "refuse":
            check_incident(self.bundle, self.incident)

    def __getstate__(self) -> dict[str, Any]:
        """What was given, for another process; the rest is found again there."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was given."""
        self.__dict__.update(state)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.condition)

    @property
    def block_size(self) -> int:
        """The batch."""
        return CHUNK * max(1, -(-self.batch_size // CHUNK))

    @property
    def detector(self) -> Detector:
        """The bundle's."""
        return self.bundle.detector

    @property
    def _simulates(self) -> bool:
        return self.outside not in ("refuse", "extrapolate")

    @cached_property
    def fallback(self) -> tuple[Mapping[str, NDArray[Any]], Fallback | None]:
        """What the model is asked for, and what makes the events that it cannot."""
        if not self._simulates:
            return self.incident, None
        return fallback_for(self.bundle, self.incident, self.outside, self.seed)

    @cached_property
    def condition(self) -> Tensor:
        """Of all events, (n, n_columns)."""
        return torch.from_numpy(condition_matrix(self.fallback[0], self.bundle.columns, self.n_events))

    @cached_property
    def model(self) -> GenerativeModel:
        """Where it runs."""
        model: Any = self.bundle.model
        ready: GenerativeModel = model.to(self.device).eval()
        return ready

    @cached_property
    def mark(self) -> str:
        """Weights, settings and range of the bundle, and all that was asked of it."""
        bundle, asked = self.bundle, (self.seed, self.block_size, self.device, self.outside, self.n_events, self.format)
        how = bundle.recipe, bundle.validity, bundle.model.config, bundle.detector.to_spec()
        boost = self.proposal and self.proposal.describe()
        digest = hashlib.sha256(repr((bundle.name, how, asked, boost)).encode())
        tensors = {name: value.detach().cpu().numpy() for name, value in bundle.model.state_dict().items()}
        for name, values in sorted({**tensors, **self.incident}.items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def make(self, block: int) -> Events:
        """The events of a block; a file's provenance is added where it is written."""
        rows = self.rows(block)
        signals, weights = self._make(rows)
        if (fallback := self.fallback[1]) is not None:
            signals = fallback.fill(signals, rows.start)
        part = {name: np.asarray(column)[rows] for name, column in self.incident.items()}
        return Events(self.detector, part, signals, weights)

    @torch.inference_mode()
    def _make(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Signals of some events, and their weights where there is a proposal."""
        drawn = [self._draw(chunk) for chunk in range(rows.start // CHUNK, -(-rows.stop // CHUNK))]
        latent = torch.cat([latent for latent, _ in drawn]).to(self.device)
        signals = self.model.decode(latent, self.condition[rows].to(self.device))
        weights = None if self.proposal is None else torch.cat([log for _, log in drawn]).exp().numpy()
        return np.asarray(signals.cpu().numpy()), weights

    def _draw(self, chunk: int) -> tuple[Tensor, Tensor]:
        """Latents and log weights; an incomplete chunk is drawn whole: random streams depend on the length."""
        rows = self.condition[chunk * CHUNK : (chunk + 1) * CHUNK]
        padded = rows if len(rows) == CHUNK else torch.cat([rows, rows[-1:].expand(CHUNK - len(rows), -1)])
        rng = torch.Generator().manual_seed(derive_seed(self.seed, chunk))
        if self.proposal is None:
            return self.model.draw_latent(padded, rng)[: len(rows)], padded.new_zeros(0)
        assert isinstance(self.model, SteeredModel)
        latent, log_weights = self.model.draw_steered(padded, rng, self.proposal)
        return latent[: len(rows)], log_weights[: len(rows)]

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """The origin of generated events, for their file; the rest is in the bundle."""
        n_outside = int(outside_range(self.bundle, self.incident).sum())
        outside = {"outside": self.outside, "outside_events": n_outside} if n_outside else {}
        return {**origin(self.bundle, self.seed), **self._worth, **outside}

    @property
    def _worth(self) -> dict[str, Any]:
        """Effective share of weighted events, estimated from the first chunks before any event is made."""
        if self.proposal is None or len(self) == 0:
            return {}
        chunks = range(min(_PILOT, -(-len(self) // CHUNK)))
        log_weights = torch.cat([self._draw(chunk)[1] for chunk in chunks])
        return {"boost": self.proposal.describe(), "effective_share": round(effective_share(log_weights), 4)}


def origin(bundle: Bundle, seed: int) -> dict[str, Any]:
    """What a file of generated events says of its bundle."""
    facts = {key: bundle.provenance[key] for key in ("events", "iterations", "seed") if key in bundle.provenance}
    trained = {f"training_{key}": value for key, value in facts.items()}
    if bundle.undertrained:
        trained["undertrained"] = bundle.undertrained
    return {"generator": f"moliere bundle {bundle.name}", "generation_seed": seed, **trained}
