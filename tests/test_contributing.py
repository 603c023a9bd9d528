"""The examples of CONTRIBUTING.md do what is said of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"
_USE = """
import halo, plain, average, count
import numpy as np, torch
from moliere import samples
from moliere.detectors import catalog
from moliere.evaluation import evaluate
from moliere.events.formats import read_events
from moliere.models import BuildContext, Batch, Bundle, load_bundle, save_bundle
from moliere.training.recipe import parse_recipe

events = samples.open("photons-mini")
some = events.take(slice(0, 200))
report = evaluate(some, events.take(slice(200, 400)), classifier_seeds=0)
assert report.metric("halo-share").value >= 0

np.savetxt("three.showers", np.column_stack([some.energy, some.signals])[:3])
assert len(read_events("three.showers", some.detector)) == 3

from moliere.cli import main
assert main(["count", "photons-mini", "-o", "count.txt"]) == 0
assert open("count.txt").read() == "5000\\n"

tables = {"name": "mean", "data": {"events": "photons-mini"}, "training": {"iterations": 1}}
recipe = parse_recipe({**tables, "model": {"kind": "average"}})
model = average.Average(recipe.model, BuildContext(some.detector, ("energy",)))
batch = Batch(torch.tensor(some.energy)[:, None].double(), torch.tensor(some.signals))
rng = torch.Generator().manual_seed(1)
(objective,) = model.objectives()
objective.loss(batch, rng).total.backward()
assert model.shares.grad.abs().sum() > 0
assert model.respond(batch, rng).shape == some.signals.shape
save_bundle(Bundle("mean", model), "mean.bundle")
assert type(load_bundle("mean.bundle").model) is average.Average
"""


def test_the_examples_of_the_guide_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", _GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    for name, block in zip(("halo", "plain", "average", "count"), blocks, strict=True):
        (tmp_path / f"{name}.py").write_text(block, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", _USE]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
