"""A generation in blocks: any process makes them, and the file is that of one process to the last byte."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere import front
from moliere.detectors import Calorimeter
from moliere.errors import CheckpointError, OutputExists
from moliere.events import Events
from moliere.models import BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig
from moliere.production import produce_shard
from moliere.training.batches import to_batch

WORDS = {"n": 600, "energy": "300MeV:2GeV", "seed": 5, "batch_size": 256}


@pytest.fixture(scope="module")
def bundle(polar: Calorimeter, polar_events: Events) -> Bundle:
    config = CalorimeterFlowConfig(
        slabs=2, width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4, steps=1, layer_steps=1
    )
    model = CalorimeterFlow(config, BuildContext(polar, ("energy",)))
    model.fit_transforms(to_batch(polar_events, np.arange(len(polar_events)), ("energy",)))
    return Bundle("toy", model, validity={"energy": (256.0, 2048.0)})


@pytest.fixture
def whole(bundle: Bundle, tmp_path: Path) -> bytes:
    front.generate(bundle, tmp_path / "whole.h5", threads=1, **WORDS)
    return (tmp_path / "whole.h5").read_bytes()


def test_workers_make_the_same_file(bundle: Bundle, whole: bytes, tmp_path: Path) -> None:
    made: list[tuple[int, int]] = []
    front.generate(bundle, tmp_path / "x.h5", threads=1, workers=2, watch=lambda *n: made.append(n), **WORDS)
    assert (tmp_path / "x.h5").read_bytes() == whole
    assert sorted(made) == [(0, 600), (88, 600), (256, 600), (256, 600)]


def test_shards_make_the_same_file(bundle: Bundle, whole: bytes, tmp_path: Path) -> None:
    output = tmp_path / "x.h5"
    assert [front.generate_shard(bundle, output, number, 2, front.Order(**WORDS)) for number in (1, 0)] == [256, 344]
    with pytest.raises(OutputExists, match="holds an interrupted run"):
        front.generate(bundle, output, threads=1, **WORDS)
    with pytest.raises(CheckpointError, match="another seed"):
        front.generate(bundle, output, threads=1, resume=True, **WORDS | {"seed": 6})
    front.generate(bundle, output, threads=1, resume=True, **WORDS)
    assert output.read_bytes() == whole


def test_a_job_travels(bundle: Bundle, tmp_path: Path) -> None:
    job = front.Order(**WORDS).job(bundle, tmp_path / "x.h5")
    there = pickle.loads(pickle.dumps(job))
    assert there.mark == job.mark
    assert np.array_equal(there.make(1).signals, job.make(1).signals)


def test_other_weights_are_another_run(bundle: Bundle, tmp_path: Path) -> None:
    job = front.Order(**WORDS).job(bundle, tmp_path / "x.h5")
    produce_shard(job, 0, 3)
    other = pickle.loads(pickle.dumps(job))
    next(other.model.parameters()).data += 1
    with pytest.raises(CheckpointError, match="another seed, incident particles or settings"):
        produce_shard(replace(other), 1, 3)
