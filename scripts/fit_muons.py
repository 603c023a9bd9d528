"""Fit the fast muon source to Pythia's flux and write the numbers that the package ships.

    python scripts/fit_muons.py -n 2000000 src/moliere/simulators/muons/flux.json

Needs the extra ``moliere[muons]``; ten minutes on one core for two million muons.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from moliere.detectors.base import Floats
from moliere.files import replacing
from moliere.simulators.muons import pythia
from moliere.simulators.muons.flux import FAMILIES, MOMENTUM_CUT, Flux, join
from moliere.simulators.muons.table import P_SCORES, PT_SCORES

#: as many muons around each momentum decide on the transverse momentum there, at least
NEIGHBOURS = 2000
#: quantiles beyond which fewer muons than this lie are taken from all momenta together
FEWEST = 5


def ranks(values: Floats, weights: Floats) -> Floats:
    """Weighted share of muons below each of them, half of its own included; (n,)."""
    order = np.argsort(values)
    share = np.empty(len(values))
    share[order] = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    return share


def quantiles(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """Weighted quantiles."""
    order = np.argsort(values)
    return np.interp(levels, ranks(values, weights)[order], values[order])


def fit_pt(flux: Flux) -> list[list[float]]:
    """Logarithm of pt at every pair of scores, (n_p, n_pt); where muons are few, with the tail of all momenta."""
    level, log_pt, weights = ranks(flux.p, flux.weight), np.log(flux.pt), flux.weight
    order, levels = np.argsort(level), ndtr(PT_SCORES)
    everywhere = quantiles(log_pt, weights, levels)
    rows = []
    for score in P_SCORES:
        first, last = np.searchsorted(level[order], ndtr(score + np.array([-0.25, 0.25])))
        lacking = max(0, NEIGHBOURS - (last - first))
        near = order[max(0, first - lacking // 2) : last + lacking // 2]
        rows.append(join_tails(quantiles(log_pt[near], weights[near], levels), everywhere, len(near)).tolist())
    return [[round(value, 4) for value in row] for row in rows]


def join_tails(row: Floats, everywhere: Floats, n: int) -> Floats:
    """A row of quantiles whose ends, where fewer than a few of n muons lie, run as those of all muons do."""
    known = np.flatnonzero(n * ndtr(-np.abs(PT_SCORES)) >= FEWEST)
    first, last = known[0], known[-1]
    row = row.copy()
    row[:first] = row[first] + everywhere[:first] - everywhere[first]
    row[last + 1 :] = row[last] + everywhere[last + 1 :] - everywhere[last]
    return row


def fit_group(flux: Flux) -> dict[str, Any]:
    """Rate and tables of muons of one family and one charge."""
    log_p = np.log(quantiles(flux.p, flux.weight, ndtr(P_SCORES)) / MOMENTUM_CUT)
    log_p[0] = 0.0
    return {
        "per_proton": float(f"{flux.weight.sum():.4g}"),
        "log_p": [round(float(value), 5) for value in log_p],
        "log_pt": fit_pt(flux),
    }


def fit(flux: Flux) -> dict[str, Any]:
    """Tables of all families and charges."""
    groups = {}
    for k, family in enumerate(FAMILIES):
        for sign, charge in (("+", 1), ("-", -1)):
            groups[family + sign] = fit_group(flux[(flux.family == k) & (flux.charge == charge)])
            print(family + sign, groups[family + sign]["per_proton"])
    source = f"scripts/fit_muons.py: {len(flux):,} muons of Pythia 8, 400 GeV protons on nucleons of molybdenum"
    return {"source": source, "groups": groups}


def write(fitted: dict[str, Any], output: Path) -> None:
    """A line a table row, for differences that can be read."""
    text = json.dumps(fitted).replace(', "', ',\n"').replace("], [", "],\n[")
    with replacing(output, overwrite=True) as path:
        path.write_text(text + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("-n", type=int, default=2_000_000, help="muons; half of them from pions and kaons")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    numbers = (arguments.n // 2, arguments.n // 4, arguments.n // 4)
    parts = [pythia.make_component(c, n, rng) for c, n in zip(pythia.COMPONENTS, numbers, strict=True)]
    write(fit(join(parts)), arguments.output)


if __name__ == "__main__":
    main()
