from __future__ import annotations

from typing import Any

import pytest

from moliere.errors import StepFailed
from moliere.pipelines.itwinai import MoliereStep


def run_in_cascade(steps: dict[str, Any]) -> Any:
    """What itwinai's Pipeline does: each component is given what the one before returned, as a tuple of arguments."""
    given: tuple[Any, ...] = ()
    for step in steps.values():
        result = step.execute(*given)
        given = result if isinstance(result, tuple) else (result,)
    return given


def test_a_step_runs_the_command_line_and_hands_its_output_on(tmp_path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    detector = str(tmp_path / "box.toml")
    new = MoliereStep(["new", detector], output=detector)
    info = MoliereStep(["info", "{0}"], name="look")
    assert (new.name, info.name) == ("new", "look")
    assert run_in_cascade({"new": new, "look": info}) == (detector,)
    assert "box" in capfd.readouterr().out


def test_a_step_that_fails_stops_the_pipeline() -> None:
    with pytest.raises(StepFailed, match="moliere info nothing-such ended with exit code 1"):
        MoliereStep(["info", "nothing-such"]).execute()


def test_the_constructor_s_arguments_are_kept_as_itwinai_writes_them_to_its_files() -> None:
    step = MoliereStep(["list"], name="names")
    assert step.parameters == {"command": ["list"], "output": None, "name": "names"}
    again = MoliereStep(**step.parameters)
    assert again.parameters == step.parameters
