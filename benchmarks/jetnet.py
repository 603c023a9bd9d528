"""FPD and KPD against JetNet's: python benchmarks/jetnet.py [--small] [--threads N] [--folder DIR].

JetNet needs numpy < 2 and much else, so it gets a virtual environment of its own, made once in the folder. Both sides
read the same two samples of correlated Gaussians, of which the second is slightly shifted, one after the other in
processes of their own that run this file again. The ratio is JetNet's seconds over moliere's: of processor time, which
other work on the machine hardly changes, and of wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Distance = Callable[..., tuple[float, float]]
Row = dict[str, Any]

# torch, which JetNet only imports, is moliere's own; later releases of pyarrow, which comes along, need numpy 2
_REQUIREMENTS = ("jetnet==0.2.5", "numpy<2", "pyarrow<22", "torch==2.13.0")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_SHIFT = 0.05  # standard deviations of one direction
_KPD_EVENTS = 10_000  # of a batch, as CaloChallenge has them


def environment(folder: Path) -> Path:
    """JetNet's Python; where it is not there yet, it is made, which takes some minutes."""
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_REQUIREMENTS], check=True)
        ready.touch()
    return python


def make_samples(folder: Path, events: int, features: int) -> list[Path]:
    """Two files of correlated Gaussians, (events, features) float32."""
    mixing = np.eye(features) + np.random.default_rng(0).normal(size=(features, features)) / np.sqrt(features)
    paths = []
    for seed, name, shift in ((1, "reference", 0.0), (2, "generated", _SHIFT)):
        sample = np.random.default_rng(seed).normal(size=(events, features)) @ mixing + shift
        paths.append(folder / f"{name}.npy")
        np.save(paths[-1], sample.astype(np.float32))
    return paths


def jetnet_distances(events: int) -> dict[str, Distance]:
    """JetNet's, with CaloChallenge's sizes where there are events enough, and moliere's where there are fewer."""
    from jetnet.evaluation import gen_metrics  # type: ignore[import-not-found]

    largest = min(events, 50_000)
    # JetNet compiles the kernel when it is first called
    gen_metrics.kpd(*np.ones((2, 100, 2), dtype=np.float32), batch_size=50)
    return {
        "fpd": lambda x, y: gen_metrics.fpd(x, y, min_samples=largest / 5, max_samples=largest),
        "kpd": lambda x, y: gen_metrics.kpd(x, y, batch_size=_KPD_EVENTS),
    }


def moliere_distances() -> dict[str, Distance]:
    """Ours."""
    from moliere.evaluation.fpd import fpd
    from moliere.evaluation.kpd import kpd

    return {"fpd": fpd, "kpd": lambda x, y: kpd(x, y, batch_size=_KPD_EVENTS)}


def measure(side: str, paths: list[Path]) -> None:
    """Print what one side finds and how long it takes, a JSON object a line."""
    warnings.simplefilter("ignore")
    reference, generated = (np.load(path) for path in paths)
    distances = jetnet_distances(len(reference)) if side == "jetnet" else moliere_distances()
    for name, distance in distances.items():
        processor, wall = time.process_time(), time.perf_counter()
        value, error = distance(reference, generated)
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        row = {"figure": name, "value": float(value), "error": float(error), "processor": processor, "wall": wall}
        print(json.dumps(row), flush=True)


def run(python: Path, side: str, paths: list[Path], threads: int) -> list[Row]:
    """What :func:`measure` prints in a process of its own, and the sums of its times."""
    # -P: this folder stays out of the path, where this file would hide the package of the same name
    command = [python, "-P", __file__, "--measure", side, *paths]
    settings = os.environ | dict.fromkeys(_THREADS, str(threads))
    output = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout
    rows: list[Row] = [json.loads(line) for line in output.splitlines() if line.startswith('{"figure"')]
    return [*rows, {"figure": "both", **{key: sum(row[key] for row in rows) for key in ("processor", "wall")}}]


def show(jetnet: list[Row], moliere: list[Row]) -> None:
    """Print a table and how far the values are from each other."""
    print(f"{'':5}{'JetNet':>28}{'CPU s':>8}{'wall s':>8}{'moliere':>28}{'CPU s':>8}{'wall s':>8}   ratio CPU   wall")
    for theirs, ours in zip(jetnet, moliere, strict=True):
        ratios = f"{theirs['processor'] / ours['processor']:12.1f}{theirs['wall'] / ours['wall']:7.1f}"
        print(f"{ours['figure']:5}{_cells(theirs)}{_cells(ours)}{ratios}")
    for theirs, ours in zip(jetnet[:-1], moliere[:-1], strict=True):
        difference = ours["value"] - theirs["value"]
        share = abs(difference) / theirs["error"]
        print(f"{ours['figure']} differs by {difference:.1e}, {share:.1e} of JetNet's error")


def _cells(row: Row) -> str:
    value = f"{row['value']:.9f} ± {row['error']:.9f}" if "value" in row else ""
    return f"{value:>28}{row['processor']:8.1f}{row['wall']:8.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="20,000 × 30 instead of 50,000 × 362")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="of JetNet's environment; default: moliere's cache")
    parser.add_argument("--measure", choices=("jetnet", "moliere"), help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="*", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure one side, or start both and compare."""
    arguments = _arguments()
    if arguments.measure:
        return measure(arguments.measure, arguments.paths)
    from moliere.files import cache_folder

    python = environment(arguments.folder or cache_folder() / "jetnet-env")
    events, features = (20_000, 30) if arguments.small else (50_000, 362)
    print(f"{events:,} × {features} float32, seeds 0 (mixing), 1 and 2, shift {_SHIFT}; threads: {arguments.threads}")
    with tempfile.TemporaryDirectory() as folder:
        paths = make_samples(Path(folder), events, features)
        moliere = run(Path(sys.executable), "moliere", paths, arguments.threads)
        show(run(python, "jetnet", paths, arguments.threads), moliere)
    return None


if __name__ == "__main__":
    main()
