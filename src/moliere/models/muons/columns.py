"""What networks see of a muon flux: one row a muon, the same columns in the same order whatever the file's form.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from moliere.detectors import PhaseSpace, catalog, of_kind
from moliere.detectors.base import Detector
from moliere.detectors.phase_space import Column
from moliere.errors import ConfigError
from moliere.models.base import Batch, Latent
from moliere.preprocess import Chain, PhaseSpaceRanges, Polar, QuantileNormal, Rareness, SignedRoot, box_cox_chain
from moliere.preprocess.base import Facts, Transform
from moliere.preprocess.kinematics import CARTESIAN, POLAR, check_rows

Form = Literal["polar", "cartesian"]
#: columns whose rareness is one number where every quantity has its own
QUANTITIES: dict[Form, tuple[tuple[str, ...], ...]] = {
    "polar": (("r",), ("z",), ("pt",), ("pz",)),
    "cartesian": (("x", "y"), ("z",), ("px", "py"), ("pz",)),
}
_NAMES: dict[Form, tuple[str, ...]] = {"polar": POLAR, "cartesian": CARTESIAN}
_ANGLES: dict[Form, tuple[str, ...]] = {"polar": ("theta", "theta_pt"), "cartesian": ()}
_CATALOGUE: dict[Form, str] = {"polar": "ship-muons-polar", "cartesian": "ship-muons"}
#: ends of an angle in network space
_TURN = 0.97
#: with knots evenly in the share, the last of them held one muon in 2,000, and the rarest came twice too often
_QUANTILES = 2_000
#: rareness is fitted to so many muons at most: its ranks are good to a hundredth at one in a thousand
_FITTED = 200_000
_SEED = 0  # draws the muons that rareness refers to


class MuonColumns(nn.Module):
    """Muons in the detector's form and unit ⇄ rows of a network's form, (n, 7).

    A row begins with the charge. In the polar form the two angles are uniform, so that nothing has to be learned about
    them: networks take them as a condition and copy them to the row.

    Args:
        detector: a phase space of charge, position and momentum, Cartesian or polar.
        form: of the rows.
        normal: columns that are made normal by their quantiles behind the ranges.
        box_cox: columns that Box-Cox makes nearly normal, over 7, as the authors once had them.
        root: columns whose signed root is taken behind the ranges.

    Raises:
        ConfigError: another detector.
    """

    positive_share: Tensor

    def __init__(
        self,
        detector: Detector,
        form: Form,
        normal: Sequence[str] = (),
        *,
        box_cox: Sequence[str] = (),
        root: Sequence[str] = (),
    ) -> None:
        super().__init__()
        own = form_of(detector)
        self.form, self.names, self.detector_names = form, _NAMES[form], tuple(c.name for c in _space(detector).columns)
        self.angles, self.passed = _ANGLES[form], ("charge", *_ANGLES[form])
        self.free = tuple(name for name in self.names if name not in self.passed)
        #: positions that bring the file's columns into their form's order, and back
        self._inward = [self.detector_names.index(name) for name in _NAMES[own]]
        self._outward = [_NAMES[own].index(name) for name in self.detector_names]
        self._turn = None if own == form else Polar()
        columns = {c.name: c for c in _space(detector if own == form else catalog.get(_CATALOGUE[form])).columns}
        shapes = [self.positions(names) for names in (normal, box_cox, root)]
        self.scale = _scale([columns[name] for name in self.names], *shapes)
        self.register_buffer("positive_share", torch.tensor(0.5))

    def positions(self, names: Sequence[str]) -> list[int]:
        """Where columns are in a row."""
        return [self.names.index(name) for name in names]

    def fit(self, signals: Tensor, weights: Tensor | None) -> None:
        """Widen ranges to hold all muons, take quantiles and the share of positive muons.

        Raises:
            InvalidEvents: no muons, or what :class:`~moliere.preprocess.PhaseSpaceRanges` does not take.
        """
        check_rows(signals)
        weights = torch.ones(len(signals), dtype=torch.float64) if weights is None else weights
        self.scale.fit(self._to_form(signals), Facts(weights=weights))
        positive = signals[:, self.detector_names.index("charge")] > 0
        self.positive_share.copy_(weights[positive].sum() / weights.sum())

    def forward(self, signals: Tensor) -> Tensor:
        """(n, 7) in mm and MeV → rows, float32."""
        rows: Tensor = self.scale(self._to_form(signals)).float()
        return rows

    def inverse(self, rows: Tensor) -> Tensor:
        """Rows → (n, 7) in mm and MeV, float32, physical whatever a network said."""
        values = self.scale.inverse(rows)
        turn = self._turn
        if turn is not None:
            values = turn.decode(values) if self.form == "polar" else turn.encode(values)
        return values[:, self._outward].float()

    def _to_form(self, signals: Tensor) -> Tensor:
        values = signals[:, self._inward].double()
        if self._turn is None:
            return values
        return self._turn.encode(values) if self.form == "polar" else self._turn.decode(values)

    def join(self, passed: Tensor, free: Tensor) -> Tensor:
        """A row of what is handed on and what a network made; columns as in ``passed`` and ``free``."""
        order = [(*self.passed, *self.free).index(name) for name in self.names]
        return torch.cat([passed, free], dim=1)[:, order]

    @property
    def latent(self) -> tuple[Latent, ...]:
        """Of what :meth:`draw_passed` draws: the charge, then the angles that are passed."""
        charge = Latent(1, "sign", share=float(self.positive_share))
        angles = len(self.passed) - 1
        return (charge, Latent(angles, "uniform", scale=_TURN)) if angles else (charge,)

    def draw_passed(self, n: int, rng: torch.Generator) -> Tensor:
        """Charges and uniform angles, (n, 1) or (n, 3)."""
        passed = torch.rand(n, len(self.passed), generator=rng, device=rng.device)
        is_positive = passed[:, 0] < self.positive_share.to(passed.device)
        passed.mul_(2 * _TURN).sub_(_TURN)
        passed[:, 0] = 2 * is_positive - 1.0
        return passed


def fit_rareness(rareness: Rareness, columns: MuonColumns, batch: Batch) -> None:
    """Fit rareness of rows to a training sample, always with the same draw, so that it means the same every time.

    Raises:
        InvalidEvents: what :meth:`~moliere.preprocess.Rareness.fit` does not take.
    """
    weights = None if batch.weights is None else batch.weights[:_FITTED]
    rareness.fit(columns(batch.signals[:_FITTED]), Facts(weights=weights), np.random.default_rng(_SEED))


def form_of(detector: Detector) -> Form:
    """Whether a flux is Cartesian or polar.

    Raises:
        ConfigError: neither.
    """
    names = set(detector.column_names)
    for form, expected in _NAMES.items():
        if names == set(expected):
            return form
    raise ConfigError(
        f"muon models need columns {', '.join(CARTESIAN)} or {', '.join(POLAR)}; {detector.name} is another detector: "
        "use ship-muons or ship-muons-polar"
    )


def _space(detector: Detector) -> PhaseSpace:
    return of_kind(detector, PhaseSpace, "a muon model", ConfigError)


def _scale(columns: Sequence[Column], normal: Sequence[int], box_cox: Sequence[int], root: Sequence[int]) -> Transform:
    ranges = PhaseSpaceRanges(columns)
    if normal:
        return Chain([ranges, QuantileNormal(normal, _QUANTILES, spacing="score")])
    if box_cox:
        return Chain([ranges, *box_cox_chain(box_cox)])
    return Chain([ranges, SignedRoot(root)]) if root else ranges
