"""Quality against milliseconds: python benchmarks/pareto.py EVENTS [LABEL=]BUNDLE[?KEY=VALUE&...] ... [options].

Every bundle makes the events of the test part again, and both classifiers judge them; the same bundle is timed in bulk
and one shower at a time on one thread. ``teacher=photons.bundle?steps=1&layer_steps=1`` changes a model's settings;
``--exported`` takes what ``moliere export`` has made of a bundle, an ONNX file or a folder with C. Others' published
points are drawn hollow: other data, other judges, other machines.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch

import moliere
from moliere.config import apply_overrides
from moliere.deploy.engines import Engine, InC, InOnnx
from moliere.evaluation.findings.equivalent import EquivalentSize
from moliere.evaluation.result import measure
from moliere.events import Events
from moliere.generation import generate
from moliere.models import load_bundle
from moliere.simulators import simulators
from moliere.threads import processor
from moliere.weights import find_bundle

#: milliseconds a shower on one CPU core singly, and AUC on observables, as published for CaloChallenge 1's photons
PUBLISHED = {"CaloINN": (37.9, 0.626), "CaloDiffusion": (15_700.0, 0.635), "CaloFlow student": (11.0, 0.761)}
_BULK = 500


@dataclass(frozen=True)
class Point:
    """One way to make showers."""

    label: str
    bulk_ms: float
    single_ms: float
    auc_observables: float
    auc_voxels: float
    auc_error: float
    fpd: float | None
    worth: float | None


def main() -> None:
    """Measure, print a table, and leave a picture (SVG) and a JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--exported", action="append", default=[], help="[LABEL=]FILE.onnx or a folder with C")
    parser.add_argument("--simulator", action="append", default=[])
    parser.add_argument("--geant4-ms", type=float, help="a shower of the reference on one core, drawn at AUC 0.5")
    parser.add_argument("-n", type=int, default=5_000, help="at most so many test events")
    parser.add_argument("-o", default="pareto")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = moliere.open(arguments.events)
    named = [_named(text) for text in arguments.bundles]
    split = load_bundle(find_bundle(named[0][1].split("?")[0]))
    rows = split.rows_of(source, "test")[: arguments.n]
    truth = source.take(np.sort(rows))
    points = [_bundle_point(label, text, truth) for label, text in named]
    points += [_exported_point(*_named(text), truth) for text in arguments.exported]
    points += [_simulator_point(name, truth) for name in arguments.simulator]
    print(f"{arguments.events}: {len(truth)} test events, 1 thread of {processor()}")
    print(f"{'':28}{'bulk ms':>10}{'single ms':>11}{'AUC obs.':>10}{'AUC vox.':>10}{'±':>7}{'FPD':>10}{'worth':>8}")
    for p in points:
        fpd = "-" if p.fpd is None else f"{p.fpd:.2g}"
        worth = "-" if p.worth is None else f"{p.worth:,.0f}"
        print(
            f"{p.label:28}{p.bulk_ms:10.3f}{p.single_ms:11.2f}{p.auc_observables:10.3f}{p.auc_voxels:10.3f}"
            f"{p.auc_error:7.3f}{fpd:>10}{worth:>8}"
        )
    Path(f"{arguments.o}.json").write_text(json.dumps([asdict(p) for p in points], indent=1))
    draw(points, arguments.geant4_ms, Path(f"{arguments.o}.svg"))


def _named(text: str) -> tuple[str, str]:
    """Label and bundle of ``label=bundle``; a bundle alone is its own label."""
    label, separator, path = text.partition("=")
    return (label, path) if separator and "?" not in label else (Path(text).stem, text)


def _bundle_point(label: str, text: str, truth: Events) -> Point:
    path, _, settings = text.partition("?")
    bundle = load_bundle(find_bundle(path), apply_overrides({}, settings.split("&") if settings else []))
    return _point(label, truth, lambda n, seed: generate(bundle, {"energy": truth.energy[:n]}, seed=seed))


def _exported_point(label: str, path: str, truth: Events) -> Point:
    engine: Engine = InC(Path(path)) if Path(path).is_dir() else InOnnx(Path(path))

    def make(n: int, seed: int) -> Events:
        key = np.stack([np.full(n, seed), np.zeros(n, np.int64), np.arange(n)], axis=1)
        condition = np.stack([truth.incident[name][:n] for name in engine.columns], axis=1)
        return replace(truth.take(slice(n)), signals=engine(condition, key), extras={})

    return _point(label, truth, make)


def _simulator_point(name: str, truth: Events) -> Point:
    simulator = simulators[name](truth.detector)

    def make(n: int, seed: int) -> Events:
        incident = {key: values[:n] for key, values in truth.incident.items()}
        return simulator.simulate(incident, np.random.default_rng(seed))

    return _point(name, truth, make)


def _point(label: str, truth: Events, make: Callable[[int, int], Events]) -> Point:
    report = moliere.evaluate(truth, make(len(truth), 1), classifier_seeds=3, threads=1)
    bulk = measure(lambda n: make(n, 2), min(_BULK, len(truth)), "CPU")
    single = measure(lambda n: make(n, 2), 1, "CPU", repeats=25)
    aucs = {what: report.worst(f"auc-{what}") for what in ("observables", "voxels")}
    fpd = next((m.value for m in report.metrics if m.name == "fpd"), None)
    values = {what: np.nan if m is None or m.value is None else m.value for what, m in aucs.items()}
    error = next((m.error for m in aucs.values() if m is not None and m.error), np.nan)
    equivalent = report.find(EquivalentSize)
    worth = None if equivalent is None else equivalent.value
    times = bulk.generated_ms, single.generated_ms
    return Point(label, *times, values["observables"], values["voxels"], float(error), fpd, worth)


def draw(points: list[Point], geant4_ms: float | None, path: Path) -> None:
    """AUC on observables against time in bulk (diamonds) and singly (dots), on one core."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for k, p in enumerate(points):
        axes.plot([p.bulk_ms, p.single_ms], [p.auc_observables] * 2, color=f"C{k % 10}", lw=1)
        axes.errorbar(p.bulk_ms, p.auc_observables, p.auc_error, fmt="D", color=f"C{k % 10}", label=p.label)
        axes.plot(p.single_ms, p.auc_observables, "o", color=f"C{k % 10}")
    for label, (ms, auc) in PUBLISHED.items():
        axes.plot(ms, auc, "o", mfc="none", color="0.5")
        axes.annotate(label, (ms, auc), xytext=(-4, 5), textcoords="offset points", fontsize=8, color="0.4", ha="right")
    if geant4_ms:
        axes.plot(geant4_ms, 0.5, "*", color="black", ms=11, ls="", label="Geant4")
    axes.axhline(0.5, color="0.8", lw=1, zorder=0)
    axes.set(xscale="log", ylim=(0.48, 1.01), ylabel="AUC on observables (0.5: not told from Geant4)")
    axes.set_xlabel("ms a shower on one core; diamond: in bulk, dot: one at a time; hollow: published, other data")
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    figure.savefig(path)


if __name__ == "__main__":
    main()
