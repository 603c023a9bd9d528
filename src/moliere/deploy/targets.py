"""Graphs arranged as a consumer calls them: names, units, order and shapes are the consumer's, the shower is the same.

``fastcalosim`` is ATLAS's library, which calls with four inputs of one shower and takes voxel energies in MeV, layer
after layer. ``par04`` is Geant4's example, which calls with one row of latent and condition and takes shares of the
incident energy in the order r, phi, z with z fastest.

References:
    TFCSMLCalorimeterSimulator of FastCaloSim, https://github.com/fcs-proj/FastCaloSim;
    Par04InferenceSetup of Geant4 11, examples/extended/parameterisations/Par04
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from moliere.deploy.card import Port
from moliere.deploy.graph import Graph, as_graph, incident
from moliere.detectors import Calorimeter, write_binning
from moliere.errors import ExportError
from moliere.models import Bundle, GenerativeModel

Target = Literal["onnx", "fastcalosim", "par04"]

#: FastCaloSim gives ten times the absolute pseudorapidity
_ETA_UNIT = 10.0
#: Par04's condition: energy, angle, and one-hot numbers of two detectors
_PAR04_CONDITION = 4
#: the angle in degrees that Par04 divides by
_MAX_ANGLE = 90.0


class Consumer(Graph):
    """A generative model behind the inputs of one consumer, one shower a call.

    Args:
        bundle: of a generative model whose latent is normal.

    Raises:
        ExportError: another model, or one that is told what the consumer does not know.
    """

    kind, output = "generative", "signals"
    model: GenerativeModel
    #: incident columns that the consumer knows
    known: tuple[str, ...]

    def __init__(self, bundle: Bundle) -> None:
        model = bundle.model
        if not isinstance(model, GenerativeModel):
            raise ExportError(
                f"bundle {bundle.name!r} holds a {type(model).__name__}; {self.target} calls generative models only"
            )
        super().__init__(bundle)
        self.parts = tuple(part.size for part in model.latent)
        if any(part.law != "normal" for part in model.latent):
            laws = sorted({part.law for part in model.latent})
            raise ExportError(f"{self.target} draws normal numbers only, and bundle {bundle.name!r} takes {laws}")
        unknown = [name for name in bundle.columns if name not in self.known]
        if unknown:
            raise ExportError(
                f"bundle {bundle.name!r} is conditioned on {' and '.join(unknown)}, which {self.target} does not give; "
                f"it gives {' and '.join(self.known)}: export a model that is conditioned on these alone"
            )

    @abstractmethod
    def fed(self, latent: Tensor, columns: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What the consumer feeds for these latents and incident columns."""

    def examples(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """As the consumer feeds it."""
        condition = incident(self.bundle, n, rng)
        latent = self.model.draw_latent(condition, rng).float()
        return self.fed(latent, dict(zip(self.bundle.columns, condition.unbind(1), strict=True)))

    def decode(self, latent: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Signals of the model, in the bundle's order of columns."""
        condition = [columns[name].double() for name in self.bundle.columns]
        none = latent.new_zeros(latent.shape[0], 0, dtype=torch.float64)
        return self.model.decode(latent, torch.stack(condition, dim=1) if condition else none)


class FastCaloSim(Consumer):
    """Four inputs, (n, width) each: 10 |eta|, energy in MeV, numbers of the voxels, numbers of all that comes before.

    The last part of the latent must be one number a voxel. FastCaloSim makes as many numbers of the other kind as its
    ``nLayers`` says, which is set to what this model needs.
    """

    target, known = "fastcalosim", ("energy", "eta")

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.n_voxels = bundle.detector.n_channels
        if self.parts[-1] != self.n_voxels:
            raise ExportError(
                f"fastcalosim draws one number for each of {self.n_voxels} voxels, and the last part of the latent of "
                f"bundle {bundle.name!r} has {self.parts[-1]}"
            )
        self.inputs = (
            Port("inn_eta_in", 1),
            Port("inn_einc_in", 1),
            Port("cfm_z_shape", self.n_voxels),
            Port("inn_z_energy", sum(self.parts[:-1])),
        )

    def forward(self, eta: Tensor, energy: Tensor, shape: Tensor, layers: Tensor) -> Tensor:
        """Voxel energies in MeV."""
        columns = {"energy": energy[:, 0], "eta": eta[:, 0] / _ETA_UNIT}
        return self.decode(torch.cat([layers, shape], dim=1), columns)

    def fed(self, latent: Tensor, columns: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Energies and pseudorapidities in single precision."""
        layers, shape = latent.split([sum(self.parts[:-1]), self.n_voxels], dim=1)
        eta = columns.get("eta", torch.zeros(len(latent))).abs() * _ETA_UNIT
        return eta[:, None].float(), columns["energy"][:, None].float(), shape, layers

    @property
    def more(self) -> dict[str, Any]:
        """Numbers of voxels and of energies, ends of the layers, and their identifiers."""
        detector = self.bundle.detector
        assert isinstance(detector, Calorimeter)
        return {
            "nVoxels": self.n_voxels,
            "nLayers": sum(self.parts[:-1]),
            "layer_boundaries": [int(end) for end in detector.boundaries],
            "used_layers": [layer.id for layer in detector.read_out],
        }


class Par04(Consumer):
    """One input: the latent, E / E_max, angle / 90°, and two one-hot numbers, which a model of one detector ignores.

    Args:
        bundle: of a detector whose layers all have the same sectors and rings.
    """

    target, known = "par04", ("energy", "theta")

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        detector = bundle.detector
        grids = detector.grids if isinstance(detector, Calorimeter) else ()
        shapes = {grid.shape for grid in grids if grid.kind == "polar"}
        if len(shapes) != 1 or any(grid.kind != "polar" for grid in grids):
            raise ExportError(
                f"par04 takes layers of the same rings and sectors, got {detector.describe()}; "
                "export the bundle as onnx, fastcalosim or c"
            )
        (n_alpha, n_r) = shapes.pop()
        self.mesh = (n_r, n_alpha, len(grids))
        self.size = sum(self.parts)
        self.largest = float(bundle.validity.get("energy", (0.0, 1e6))[1])
        self.inputs = (Port("input", self.size + _PAR04_CONDITION),)

    def forward(self, row: Tensor) -> Tensor:
        """Shares of the incident energy, (n, r · phi · z)."""
        energy = row[:, self.size].double() * self.largest
        theta = row[:, self.size + 1].double() * math.radians(_MAX_ANGLE)
        signals = self.decode(row[:, : self.size], {"energy": energy, "theta": theta})
        n_r, n_alpha, n_z = self.mesh
        turned = signals.unflatten(1, (n_z, n_alpha, n_r)).permute(0, 3, 2, 1).flatten(1)
        shares: Tensor = turned / energy[:, None].float()
        return shares

    def fed(self, latent: Tensor, columns: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Energy and angle in parts of the largest; the first of two detectors."""
        energy = columns["energy"] / self.largest
        theta = columns.get("theta", torch.zeros_like(energy)) / math.radians(_MAX_ANGLE)
        which = torch.stack([torch.zeros_like(energy), torch.ones_like(energy)], dim=1)
        return (torch.cat([latent, energy[:, None], theta[:, None], which], dim=1).float(),)

    @property
    def threshold(self) -> float:
        """In parts of the largest energy, as what comes out is parts of an energy."""
        return super().threshold / self.largest

    @property
    def more(self) -> dict[str, Any]:
        """What the macro sets: sizes of latent and condition, largest energy in MeV and angle in degrees, the mesh."""
        return {
            "sizeLatentVector": self.size,
            "sizeConditionVector": _PAR04_CONDITION,
            "maxEnergy": self.largest,
            "maxAngle": _MAX_ANGLE,
            "mesh": list(self.mesh),
        }


#: name → the graph of a bundle as the consumer calls it
TARGETS: dict[Target, Callable[[Bundle], Graph]] = {
    "onnx": lambda bundle: as_graph(bundle.model, bundle),
    "fastcalosim": FastCaloSim,
    "par04": Par04,
}


def write_beside(graph: Graph, output: Path, *, overwrite: bool) -> list[Path]:
    """Other files that a consumer needs, beside the graph: for FastCaloSim the binning."""
    if not isinstance(graph, FastCaloSim):
        return []
    path = output.with_suffix(".binning.h5")
    write_binning(graph.bundle.detector, path, overwrite=overwrite)
    return [path]
