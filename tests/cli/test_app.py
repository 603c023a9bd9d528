from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.cli import main

Run = Callable[..., Any]
VERBS = ("simulate", "info", "train", "generate", "evaluate", "list")


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_units_and_gives_an_example_of_the_verb(run: Run, verb: str) -> None:
    outcome = run(verb, "--help")
    assert outcome.code == 0
    assert "Example" in outcome.out
    assert re.search(rf"moliere {verb} \w", outcome.out)
    assert re.search(r"\b(MeV|mm|GeV)\b", outcome.out)


def test_help_lists_the_verbs(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert all(re.search(rf"\b{verb}\b", outcome.out) for verb in VERBS)


def test_version(run: Run) -> None:
    outcome = run("--version")
    assert outcome.code == 0
    assert re.fullmatch(r"moliere \d+\.\d+\.\d+\S*\n", outcome.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command"),
        (["info"], "Missing argument"),
        (["list", "--no-such-option"], "No such option"),
        (["generate", "x.bundle", "-o", "y.h5", "-n", "0"], "'-n' / '--events'"),
        (["evaluate", "a", "b", "--part", "half"], "half"),
    ],
)
def test_a_wrong_command_line_exits_with_2(run: Run, arguments: list[str], message: str) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "nothing.h5"],
        ["info", "nothing.bundle"],
        ["info", "nothing.toml"],
        ["evaluate", "nothing.h5", "photons-mini"],
        ["train", "nothing.toml"],
        ["generate", "nothing", "-n", "1", "--energy", "1GeV", "-o", "x.h5"],
        ["simulate", "nothing", "--detector", "calochallenge-2", "-o", "x.h5"],
        ["simulate", "gflash", "--detector", "nothing", "-o", "x.h5"],
        ["list", "nothing"],
        ["list", "detectors", "nothing"],
    ],
)
def test_an_error_is_one_line_and_exits_with_1(
    run: Run, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert re.fullmatch(r"error: .*nothing.*\n", outcome.err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [0, 2])
def test_debug_shows_the_traceback(where: int, capsys: pytest.CaptureFixture[str]) -> None:
    from moliere.errors import FormatError

    arguments = ["info", "nothing.h5"]
    arguments.insert(where, "--debug")
    with pytest.raises(FormatError):
        main(arguments)
    assert capsys.readouterr().err == ""


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys\nfrom moliere.cli import main\nmain(['--help'])\nprint({'torch', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1] == "set()"
