from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.detectors import catalog

Run = Callable[..., Any]


def test_everything_with_a_name_is_listed(run: Run) -> None:
    outcome = run("list")
    assert outcome.code == 0
    for word in (*catalog.names(), "photons", "photons-mini", "calorimeter-flow", "gflash", "heun", "boosting"):
        assert f"  {word} " in outcome.out


def test_one_kind_is_listed_alone(run: Run) -> None:
    outcome = run("list", "detectors")
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(catalog.names())


def test_a_wrong_kind_is_answered_with_the_nearest(run: Run) -> None:
    assert "did you mean 'detectors'" in run("list", "detector").err


def test_a_detector_in_words_and_as_a_picture(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "calogan.png"
    outcome = run("list", "detectors", "calogan", "--picture", picture)
    assert outcome.code == 0
    assert "504 channels in 3 layers" in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = run("list", "detectors", "calogan", "--picture", picture)
    assert again.code == 1
    assert "--overwrite" in again.err
    assert run("list", "detectors", "calogan", "--picture", picture, "--overwrite").code == 0


def test_names_with_brackets_are_printed_whole(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "[calogan].png"
    assert "[calogan].png" in run("list", "detectors", "calogan", "--picture", picture).out


@pytest.mark.parametrize(
    ("what", "module", "registry"),
    [
        ("models", "moliere.models", "models"),
        ("transforms", "moliere.preprocess", "transforms"),
        ("solvers", "moliere.models.networks.flow_matching", "solvers"),
        ("classifiers", "moliere.evaluation.classifier", "classifiers"),
    ],
)
def test_what_is_read_from_the_source_is_what_is_registered(what: str, module: str, registry: str) -> None:
    from importlib import import_module

    from moliere.cli.listing import _LISTS

    registered = getattr(import_module(module), registry)
    assert [name for name, _ in _LISTS[what]()] == list(registered)


def test_names_are_listed_without_what_learns() -> None:
    code = (
        "import sys\nfrom moliere.cli import main\n"
        "for what in ('models', 'transforms', 'classifiers', 'bundles', 'recipes', 'samples', 'detectors'):\n"
        "    assert main(['list', what]) == 0\n"
        "print('loaded:', sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("loaded: []\n")
