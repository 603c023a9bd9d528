"""An evaluation in shards is that of one process to the last digit, whoever does them and whatever is lost."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.errors import ConfigError, IncompleteRun
from moliere.evaluation import Report, evaluate
from moliere.events import Events
from moliere.production import Workers
from moliere.production.mapped import read_mapped, write_mapped

KINDS = {"classifiers", "distances", "observables", "overlap"}


class Losing(ThreadPoolExecutor):
    """Loses calls: those before so many, or all."""

    def __init__(self, lost: int, **beginning: Any) -> None:
        super().__init__(2, **beginning)
        self._lost, self._calls = lost, 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._calls += 1
        if self._calls <= self._lost:
            raise BrokenExecutor("gone")
        return super().submit(fn, *args, **kwargs)


def judged(mini: Events, **how: Any) -> Report:
    n = 500
    samples = [mini[k * n : (k + 1) * n] for k in range(3)]
    return evaluate(
        *samples[:2], baseline=samples[2], classifier_seeds=1, threads=1, max_events=n, only=KINDS | {"response"}, **how
    )


@pytest.fixture(scope="module")
def whole(mini: Events) -> Report:
    return judged(mini)


def test_lost_shards_are_done_again_and_the_report_is_the_same(mini: Events, whole: Report, tmp_path: Path) -> None:
    assert len(whole.metrics) > 10
    assert judged(mini, engine=partial(Losing, 5), scratch=tmp_path).to_dict() == whole.to_dict()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_processes_give_the_same_report(mini: Events) -> None:
    how = {"max_events": 500, "classifier_seeds": 1, "threads": 1}
    one, two = (
        evaluate(mini[:500], mini[500:1000], engine=engine, **how)  # type: ignore[arg-type]
        for engine in (None, partial(Workers, 2))
    )
    assert len(one.findings) > 10
    assert one.to_dict() == two.to_dict()


def test_an_executor_that_is_gone_ends_the_evaluation(mini: Events, tmp_path: Path) -> None:
    with pytest.raises(IncompleteRun, match="the executor lost it: BrokenExecutor gone"):
        judged(mini, engine=partial(Losing, 1000), scratch=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_does_not_answer_is_said_before_a_sample_is_read(mini: Events) -> None:
    def unreachable(**beginning: Any) -> Losing:
        raise ConfigError("nobody answers")

    steps: list[str] = []
    with pytest.raises(ConfigError, match="nobody answers"):
        judged(mini, engine=unreachable, progress=lambda step, share: steps.append(step))
    assert not steps


def test_arrays_come_back_from_a_mapped_file_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    thing = {
        "rows": rng.random((7, 3)),
        "columns": np.asfortranarray(rng.random((5, 4), np.float32)),
        "strided": rng.integers(9, size=20)[::3],
        "none": np.zeros((0, 5)),
        "text": ("é", None, 1.5),
    }
    write_mapped(thing, tmp_path / "thing")
    found = read_mapped(tmp_path / "thing")
    assert list(found) == list(thing)
    assert found["text"] == thing["text"]
    for name in ("rows", "columns", "strided", "none"):
        np.testing.assert_array_equal(found[name], thing[name])
        assert found[name].dtype == thing[name].dtype
    found["rows"][:] = 0
    assert read_mapped(tmp_path / "thing")["rows"].any()
