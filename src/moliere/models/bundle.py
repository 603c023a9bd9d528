"""One trained model in one file: weights, configuration, transforms, detector, range of validity, provenance.

A bundle is a safetensors file: tensors and one JSON header, no code, nothing that runs when it is read. The header
holds a checksum of the tensors and of the rest of the header, so that what was changed is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from moliere.detectors import Detector, from_spec
from moliere.detectors.base import Ints
from moliere.errors import BundleError, ConfigError, MoliereError
from moliere.events import EventSource
from moliere.events.split import split_events
from moliere.files import replacing
from moliere.models.base import BuildContext, Model, models
from moliere.models.bounded import no_larger_than
from moliere.models.gaps import Gap
from moliere.notebook import Shown
from moliere.units import format_energy
from moliere.version import installed_version

#: raised when a reader of the old layout would misunderstand a new file
FORMAT_VERSION = 1

#: what is raised where a sound file holds a bundle of another version or hand
_MISFITS = (MoliereError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, OverflowError)

_CHANGED = "{} was changed after it was written: its checksum does not fit; get it again from its source"


@dataclass(frozen=True, repr=False)
class Bundle(Shown):
    """A trained model and what one must know to use it.

    Args:
        name: of the recipe.
        model: in evaluation mode.
        recipe: the resolved recipe as plain data.
        validity: smallest and largest value of each condition column in the sample trained on, in physical units.
        provenance: programs, seeds, iterations, the training file's own metadata.
    """

    name: str
    model: Model
    recipe: Mapping[str, Any] = field(default_factory=dict)
    validity: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name, model, detector and range; not the network."""
        ends = self.validity.get("energy")
        energies = f"; energy {format_energy(ends[0])} – {format_energy(ends[1])}" if ends else ""
        kind = f"{type(self.model).__name__}, {self.n_parameters:,} parameters"
        return f"Bundle({self.name}: {kind}; {self.detector.name}{energies})"

    @property
    def detector(self) -> Detector:
        """What the model's signals are read out by."""
        return self.model.context.detector

    @property
    def columns(self) -> tuple[str, ...]:
        """Incident columns that the model is conditioned on."""
        return self.model.context.columns

    def rows_of(self, source: EventSource, part: str) -> Ints:
        """Positions of one part of a source, in the split that the model was trained with.

        Args:
            source: the events.
            part: ``train``, ``validation`` or ``test``.

        Raises:
            BundleError: the bundle does not say how its events were split.
        """
        data = self.recipe.get("data", {})
        try:
            split = split_events(source, data["split"], data["split_seed"], self.left_out)
        except (KeyError, TypeError) as error:
            raise BundleError(f"bundle {self.name!r} does not say how its events were split: {error}") from error
        index: Ints = getattr(split, part)
        return index

    @property
    def left_out(self) -> tuple[float, float] | None:
        """Incident energies in MeV that the training did not see; ``None`` where it saw all."""
        ends = self.recipe.get("data", {}).get("leave_out")
        return None if ends is None else (float(ends[0]), float(ends[1]))

    @property
    def gaps(self) -> Mapping[str, Sequence[Gap]]:
        """Both ends of each gap in the training sample, by condition column; bundles from before 0.3 know of none."""
        return dict(self.provenance.get("gaps", {}))

    @property
    def undertrained(self) -> str | None:
        """``63 of 5,000 iterations: undertrained``, where a time limit cut the training short."""
        done, planned = (self.provenance.get(name) for name in ("iterations", "planned_iterations"))
        if not done or not planned or self.provenance.get("stopped_by") != "minutes":
            return None
        return f"{done:,} of {planned:,} iterations: undertrained"

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def save_bundle(bundle: Bundle, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle.

    Raises:
        OutputExists: the file exists.
        WriteError: it cannot be written whole; an old file stays.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in bundle.model.state_dict().items()}
    header = json.dumps(_header(bundle), sort_keys=True)
    metadata = {"moliere": header, "sha256": _digest(header, tensors)}
    with replacing(Path(path), overwrite=overwrite) as partial:
        try:
            save_file(tensors, partial, metadata)
        except SafetensorError as error:  # what safetensors makes of a full disk
            number = re.search(r"os error (\d+)", str(error))
            raise (OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))) from error


def load_bundle(path: str | Path, settings: Mapping[str, Any] | None = None) -> Bundle:
    """Read a bundle.

    Args:
        path: the file.
        settings: of the model, where they do not change its weights: ``{"steps": 6}``.

    Raises:
        ConfigError: a setting that the model does not have.
        BundleError: no such file, truncated, tampered with, not a bundle, or from a newer version.
    """
    header, tensors = _read(Path(path))
    try:
        return _build(header, tensors, settings or {})
    except _MISFITS as error:
        reason = f"the header has no {error}" if type(error) is KeyError else str(error)
        if settings:
            raise ConfigError(f"{path} with settings {dict(settings)}: {reason}") from error
        raise BundleError(f"{path} does not fit this version of moliere: {reason}") from error


def _build(header: dict[str, Any], tensors: dict[str, Tensor], settings: Mapping[str, Any]) -> Bundle:
    """What a header and tensors say; whatever they lack or have of another kind raises one of :data:`_MISFITS`."""
    tables = {name: dict(header[name]) for name in ("context", "model", "recipe", "validity", "provenance")}
    columns, particles = (tuple(tables["context"][name]) for name in ("columns", "particles"))
    context = BuildContext(from_spec(tables["context"]["detector"]), columns, particles)
    model_class = _model_class(header)
    config = model_class.config_type.from_table({**tables["model"], **settings}, "model")
    with no_larger_than(tensors):
        model = model_class(config, context)
    model.load_state_dict(tensors)
    validity = {name: (float(low), float(high)) for name, (low, high) in tables["validity"].items()}
    return Bundle(str(header["name"]), model.eval(), tables["recipe"], validity, tables["provenance"])


def _model_class(header: dict[str, Any]) -> type[Model]:
    kind = header["kind"]
    if new := models.replaced.get(kind):
        raise BundleError(
            f"it holds a {kind}, and this version has {new} instead; train one on the same events (moliere train "
            "photons EVENTS), take one that comes with the package (moliere list bundles), or read the file with "
            f"moliere {header['moliere_version']}, which wrote it"
        )
    return models[kind]


def _header(bundle: Bundle) -> dict[str, Any]:
    model = bundle.model
    config = model.config.to_table()
    context = asdict(model.context) | {"detector": model.context.detector.to_spec()}
    return {
        "format_version": FORMAT_VERSION,
        "moliere_version": installed_version(),
        "torch_version": torch.__version__,
        "name": bundle.name,
        "kind": config["kind"],
        "model": config,
        "context": context,
        "recipe": dict(bundle.recipe),
        "validity": dict(bundle.validity),
        "provenance": dict(bundle.provenance),
        "citation": model.citation,
    }


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not os.path.isfile(path):  # False for names that no file can have, too
        raise BundleError(f"no bundle {path}; train one with: moliere train photons")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        if path.suffix == ".toml":
            raise BundleError(
                f"{path} is a recipe, not a trained model; train it with: moliere train {path}"
            ) from error
        raise BundleError(f"{path} is truncated or not a bundle ({error}); copy or train it again") from error
    if "moliere" not in metadata:
        raise BundleError(f"{path} holds tensors, but not a moliere bundle")
    header = _parse_header(path, metadata["moliere"])
    if header["format_version"] > FORMAT_VERSION:
        raise BundleError(
            f"{path} was written by moliere {header['moliere_version']} (bundle format {header['format_version']}); "
            f"this is moliere {installed_version()}, which reads up to {FORMAT_VERSION}: "
            "upgrade with pip install -U moliere"
        )
    if metadata.get("sha256") != _digest(metadata["moliere"], tensors):
        raise BundleError(_CHANGED.format(path))
    return header, tensors


def _parse_header(path: Path, text: str) -> dict[str, Any]:
    """The header, as far as a version can be read from it; the checksum is looked at after the version."""
    try:
        header: dict[str, Any] = json.loads(text)
        header["moliere_version"]
        if not isinstance(header["format_version"], int):
            raise TypeError("the format's version is not a whole number")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(_CHANGED.format(path)) from error
    return header


def _digest(header: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        # as bytes: numpy has no name for some of torch's numbers
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
