"""One number for how far generated events are from the reference, cheap enough to be asked for while a model trains."""

from __future__ import annotations

import numpy as np

from moliere.detectors import Calorimeter, of_kind
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents
from moliere.evaluation.classifier import ship_boosting
from moliere.evaluation.distances import equal_population_separation, varying, wasserstein
from moliere.evaluation.observables import threedgan
from moliere.evaluation.suites import find_suite
from moliere.evaluation.suites.base import Measured
from moliere.events import Events
from moliere.events.judges import judges
from moliere.units import GeV


@judges.register("separation")
def separation(reference: Events, generated: Events) -> dict[str, float]:
    """Mean and largest separation power of the detector's observables, in ten equally filled bins."""
    one, other = _measure(reference), _measure(generated)
    powers = [
        equal_population_separation(one.observables[name], other.observables[name]) for name in varying(one.observables)
    ]
    return {"score": float(np.mean(powers)), "separation_worst": float(np.max(powers))}


@judges.register("bdt")
def bdt(reference: Events, generated: Events) -> dict[str, float]:
    """AUC of gradient boosting as the SHiP muon GANs are judged by: 100 trees of depth 4, rate 0.1, halves to test.

    References:
        Fast simulation of muons produced at the SHiP experiment using Generative Adversarial Networks, C. Ahdida, 2019,
        https://arxiv.org/abs/1909.04451
    """
    from sklearn.metrics import roc_auc_score

    one, other = _measure(reference).features, _measure(generated).features
    n = min(len(one), len(other))
    features = np.concatenate([one[:n], other[:n]])
    labels = np.repeat([0, 1], n)
    train = np.arange(2 * n) % 2 == 0
    model = ship_boosting(0).fit(features[train], labels[train])
    auc = float(roc_auc_score(labels[~train], model.predict_proba(features[~train])[:, 1]))
    return {"score": abs(auc - 0.5), "auc_bdt": auc}


#: energies and angle that 3DGAN's epochs are compared at, and how near an event must be to count
_ENERGIES = (50 * GeV, 100 * GeV, 150 * GeV, 200 * GeV, 300 * GeV, 400 * GeV, 500 * GeV)
_TOLERANCE = 0.1
_LEAST = 10
#: profiles below this share of their peak are noise, and relative errors of noise mean nothing
_FLOOR = 1e-3


@judges.register("physics")
def physics(reference: Events, generated: Events) -> dict[str, float]:
    """3DGAN's choice of epochs: relative errors of moments, profiles and measured angle, averaged over energies.

    The published sum counts the moments twice, once by mistake; here they count once.

    Raises:
        InvalidEvents: not layers of one Cartesian grid, or no energy with enough events of both samples.

    References:
        GANutils.metric of svalleco/3Dgan, branch Anglegan
    """
    detector = of_kind(reference.detector, Calorimeter, "the score 'physics'", InvalidEvents)
    terms = [_physics_at(energy, detector, reference, generated) for energy in _ENERGIES]
    found = np.array([term for term in terms if term is not None])
    if len(found) == 0:
        whole = _physics_of(detector, reference, generated)
        found = np.array([whole])
    moments, profiles, angle = found.mean(axis=0)
    return {"score": float(found.sum(axis=1).mean()), "moments": moments, "profiles": profiles, "angle": angle}


def _physics_at(
    energy: float, detector: Calorimeter, reference: Events, generated: Events
) -> tuple[float, float, float] | None:
    near = [np.abs(events.energy / energy - 1) < _TOLERANCE for events in (reference, generated)]
    if min(mask.sum() for mask in near) < _LEAST:
        return None
    return _physics_of(detector, reference[near[0]], generated[near[1]])


def _physics_of(detector: Calorimeter, reference: Events, generated: Events) -> tuple[float, float, float]:
    """Mean relative errors of mean moments (orders 1, 2) and mean profiles, and the error of the angle a shower."""
    one, other = (threedgan.image_observables(detector, x.energy, x.signals) for x in (reference, generated))
    names = [f"moment_{axis}{order}" for axis in threedgan.AXES for order in (1, 2)]
    moments = np.mean([_relative(one[name].mean(), other[name].mean()) for name in names])
    shapes = [threedgan.profiles(detector, x.signals) for x in (reference, generated)]
    profiles = np.mean([_profile_error(*(shape[axis].mean(axis=0) for shape in shapes)) for axis in threedgan.AXES])
    # images without energy have no angle; they cost the whole of it
    angles = [np.minimum(x["angle"], np.pi) for x in (one, other)]
    first, second = _beside_the_truth(angles, reference, generated)
    return float(moments), float(profiles), wasserstein(first, second) / max(abs(float(angles[0].mean())), 1e-12)


def _beside_the_truth(angles: list[Floats], reference: Events, generated: Events) -> list[Floats]:
    """Measured angles less what showers of their true angle have in the reference; as measured where it is not known.

    Mean angles are symmetric about 90 degrees: a generator that knows no angle but 90 degrees would have a perfect one.
    """
    if "theta" not in reference.incident or "theta" not in generated.incident:
        return angles
    truth = [np.asarray(x.incident["theta"], np.float64) for x in (reference, generated)]
    if np.ptp(truth[0]) == 0:
        return angles
    slope, start = np.polyfit(truth[0], angles[0], 1)
    return [angle - slope * theta - start for angle, theta in zip(angles, truth, strict=True)]


def _profile_error(one: Floats, other: Floats) -> float:
    lit = one > _FLOOR * one.max()
    return float(np.mean(np.abs(other[lit] / one[lit] - 1)))


def _relative(one: float, other: float) -> float:
    return abs(other - one) / max(abs(one), 1e-12)


def _measure(events: Events) -> Measured:
    return find_suite("default", events.detector)[1].measure(events, None)
