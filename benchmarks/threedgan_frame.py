"""3DGAN's figures for a bundle: sampling fraction, angle, profiles, widths and lit cells against Geant4's test showers.

Each generated shower has the energy and the angle of a shower of the test part.

    OMP_NUM_THREADS=1 python benchmarks/threedgan_frame.py run/3dgan-frame.bundle electrons.h5
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from moliere.detectors import Calorimeter
from moliere.evaluation.observables.threedgan import image_observables, profiles
from moliere.models import GenerativeModel, load_bundle
from moliere.preprocess import condition_matrix
from moliere.samples import open_source

EDGES = np.geomspace(10e3, 400e3, 6)


def main() -> None:
    """Generate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("events")
    parser.add_argument("--part", default="test")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bundle, source = load_bundle(options.bundle), open_source([options.events])
    rows = np.sort(bundle.rows_of(source, options.part)) if options.part != "all" else np.arange(len(source))
    events, model, detector = source.take(rows), bundle.model, bundle.detector
    assert isinstance(model, GenerativeModel)
    assert isinstance(detector, Calorimeter)
    condition = torch.tensor(condition_matrix(events.incident, bundle.columns))
    start = time.process_time()
    made = model.sample(condition, torch.Generator().manual_seed(options.seed)).numpy()
    print(f"{len(events)} showers, {1e3 * (time.process_time() - start) / len(events):.2f} ms of CPU each")
    threshold = getattr(model, "threshold", 0.0)
    real = np.where(events.signals < threshold, 0, events.signals)
    report(detector, events.energy, events.incident["theta"], real, made)


def report(detector: Calorimeter, energy: np.ndarray, theta: np.ndarray, real: np.ndarray, made: np.ndarray) -> None:
    """Print the figures."""
    found = [image_observables(detector, energy, signals) for signals in (real, made)]
    lit = [(signals > 0).sum(1) for signals in (real, made)]
    place = np.clip(np.digitize(energy, EDGES) - 1, 0, 4)
    for k in range(5):
        at = place == k
        a, b = (one["sampling_fraction"][at] for one in found)
        error = 100 * np.hypot(a.std(), b.std()) / np.sqrt(at.sum()) / a.mean()
        print(
            f"{EDGES[k] / 1e3:5.0f}-{EDGES[k + 1] / 1e3:3.0f} GeV  n {at.sum():3d}  sampling fraction "
            f"{a.mean():.5f} {b.mean():.5f} {100 * (b.mean() / a.mean() - 1):+5.2f} ± {error:.2f} %  width "
            f"{a.std() / a.mean():.4f} {b.std() / b.mean():.4f}  lit {change(lit[0][at], lit[1][at])}"
        )
    a, b = (np.degrees(one["angle"]) for one in found)
    sides = np.clip(((np.degrees(theta) - 60) / 12).astype(int), 0, 4)
    print("angle, mean difference by fifth of theta:", [round(float((b - a)[sides == k].mean()), 2) for k in range(5)])
    print("angle, spread about the mean of its fifth:", spread(a, theta), spread(b, theta))
    print(
        f"angle per shower: mean |difference| {np.abs(b - a).mean():.2f} degrees, median {np.median(np.abs(b - a)):.2f}"
    )
    for axis, (mine, other) in zip(
        "xyz", zip(*(profiles(detector, s).values() for s in (real, made)), strict=True), strict=True
    ):
        p, q = (part.sum(0) / part.sum() for part in (mine, other))
        print(f"profile {axis}: KS {np.abs(p.cumsum() - q.cumsum()).max():.4f}", end="  ")
        one, two = (np.sqrt(part[f"moment_{axis}2"]).mean() for part in found)
        print(f"width {100 * (two / one - 1):+.1f} %", end="  ")
    print("\nlit cells", change(*lit), "hits", change(*(o["hits"] for o in found)))
    columns = [np.column_stack([*one.values(), np.log(energy), theta]) for one in found]
    print(f"AUC on {len(found[0])} observables, energy and angle: {auc(*columns):.3f}")


def auc(real: np.ndarray, made: np.ndarray) -> float:
    """Of boosted trees, in five folds."""
    columns, labels = np.vstack([real, made]), np.repeat([0, 1], [len(real), len(made)])
    trees = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.06)
    scores = cross_val_predict(trees, columns, labels, cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))


def change(reference: np.ndarray, generated: np.ndarray) -> str:
    """Generated over reference, minus 1, in per cent."""
    return f"{100 * (generated.mean() / reference.mean() - 1):+.1f} %"


def spread(angle: np.ndarray, theta: np.ndarray) -> float:
    """Standard deviation of what a straight line in theta leaves, in degrees."""
    line = np.polyfit(theta, angle, 3)
    return round(float((angle - np.polyval(line, theta)).std()), 2)


if __name__ == "__main__":
    main()
