from __future__ import annotations

import pytest

from moliere.config import read_toml
from moliere.errors import ConfigError, MoliereError
from moliere.training.recipe import parse_recipe, recipe_paths
from moliere.tuning.space import Range, parse_parameter, parse_parameters, with_values

TABLE = read_toml(recipe_paths()["photons"])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("model.width=128,256", ("128", "256")),
        ("training.optimizer=adam, adamw", ("adam", "adamw")),
        ("training.betas=[0.9, 0.99],[0.5, 0.9]", ("[0.9, 0.99]", "[0.5, 0.9]")),
        ("data.events='a,b:c','d'", ("'a,b:c'", "'d'")),
        ("model.blocks=2:8", Range(2, 8)),
        ("model.width=log:32:512", Range(32, 512, log=True)),
        ("training.weight_decay=0:1e-2", Range(0, 0.01)),
        ("training.ema=0.9:0.999", Range(0.9, 0.999)),
    ],
)
def test_values_and_ranges_are_read(text: str, values: Range | tuple[str, ...]) -> None:
    assert parse_parameter(text).values == values


def test_whole_ends_give_whole_numbers() -> None:
    assert parse_parameter("model.blocks=2:8").values == Range(2, 8)
    assert Range(2, 8).whole
    assert not Range(0, 0.5).whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.width", "names no setting with values"),
        ("model.width=", "names no setting with values"),
        ("=1,2", "names no setting with values"),
        ("model.width=128", "at least two values"),
        ("model.width=128,,256", "at least two values"),
        ("model.width=128,256,128", "stands there twice"),
        ("training.learning_rate=log:1e-2:1e-4", "upside down; write training.learning_rate=log:0.0001:0.01"),
        ("model.blocks=8:2", "upside down; write model.blocks=2:8"),
        ("model.blocks=3:3", "the range is empty"),
        ("training.weight_decay=log:0:1", "begins above 0"),
        ("training.learning_rate=log:1e-4", "a range is two numbers"),
        ("training.learning_rate=1:2:3", "a range is two numbers"),
        ("training.learning_rate=low:high", "a range is two numbers"),
        ("training.learning_rate=1e-4:inf", "a range is two numbers"),
        ("training.learning_rate=nan:1", "a range is two numbers"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_parameter(text)


def test_the_advice_for_a_range_upside_down_works_when_followed() -> None:
    with pytest.raises(ConfigError) as error:
        parse_parameter("training.learning_rate=log:1e-2:1e-4")
    advice = str(error.value).partition("write ")[2]
    assert parse_parameter(advice).values == Range(1e-4, 1e-2, log=True)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "nothing to search"),
        (["model.widht=64,128"], "model.widht: unknown key; did you mean 'width'"),
        (["trainig.batch_size=64,128"], "did you mean 'training'"),
        (["model.kind=calorimeter-flow,calorimeter-flaw"], "did you mean 'calorimeter-flow'"),
        (["training.batch_size=0:64"], "training.batch_size"),
        (["training.batch_size=0.5:64"], "training.batch_size"),
        (["model.width=64,128", "model.width=32,256"], "model.width is searched twice"),
    ],
)
def test_settings_and_values_that_the_recipe_does_not_take_are_named(texts: list[str], message: str) -> None:
    with pytest.raises(MoliereError, match=message):
        parse_parameters(texts, TABLE)


def test_values_are_put_in_as_a_training_puts_in_settings() -> None:
    recipe = parse_recipe(with_values(TABLE, {"model.width": "96", "training.learning_rate": 0.00123}))
    assert recipe.model.to_table()["width"] == 96
    assert recipe.training.learning_rate == 0.00123
    assert with_values(TABLE, {"training.optimizer": "adam"})["training"]["optimizer"] == "adam"


def test_each_kind_of_values_is_what_optuna_draws_from() -> None:
    optuna = pytest.importorskip("optuna")
    of = optuna.distributions
    assert parse_parameter("a=1,2").distribution() == of.CategoricalDistribution(("1", "2"))
    assert parse_parameter("a=1:8").distribution() == of.IntDistribution(1, 8)
    assert parse_parameter("a=log:0.1:8").distribution() == of.FloatDistribution(0.1, 8.0, log=True)
