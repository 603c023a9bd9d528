"""Recipes."""

from __future__ import annotations

import pytest

from moliere.training.recipe import parse_recipe


def test_a_kind_that_was_replaced_is_its_successor() -> None:
    table = {"name": "old", "data": {"events": "photons-mini"}, "model": {"kind": "two-stage-flow", "width": 16}}
    with pytest.warns(UserWarning, match="'two-stage-flow' was replaced by 'calorimeter-flow'"):
        recipe = parse_recipe({**table, "training": {"iterations": 1}})
    assert recipe.to_table()["model"]["kind"] == "calorimeter-flow"
