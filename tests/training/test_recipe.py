"""Recipes."""

from __future__ import annotations

import pytest

from moliere.errors import ConfigError
from moliere.training.recipe import load_recipe, parse_recipe


def test_a_kind_that_was_replaced_is_its_successor() -> None:
    table = {"name": "old", "data": {"events": "photons-mini"}, "model": {"kind": "two-stage-flow", "width": 16}}
    with pytest.warns(UserWarning, match="'two-stage-flow' was replaced by 'calorimeter-flow'"):
        recipe = parse_recipe({**table, "training": {"iterations": 1}})
    assert recipe.to_table()["model"]["kind"] == "calorimeter-flow"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.betas=[0.9, 1.5]", r"training\.betas\.1: input should be less than 1, got 1\.5"),
        ('data.condition=["energy", "energy"]', r"data\.condition: energy stands there twice; name it once"),
        ("training.select=bdtt", r"training\.select: no such way to select weights; did you mean 'bdt'"),
    ],
)
def test_wrong_settings_are_said_in_our_words(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe("photons", [setting])
