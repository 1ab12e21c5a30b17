"""Search spaces: what is drawn from them, what each model's own holds, and what a YAML file makes of them."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.models.search_space import (
    Choice,
    Range,
    SearchSpace,
    SearchSpaceError,
    choice,
    log_uniform,
    overridden,
    split,
    uniform,
    values_of,
)
from genre_models.training.recipe import Recipe

UNIT_AND_REASON = {"unit": "films", "why": "a test"}
KNOWN = (Recipe(), PosterCNN())
SPACE: SearchSpace = {
    "learning_rate": log_uniform(1e-4, 1e-2, unit="a step", why="ours"),
    "batch_size": choice(32, 64, **UNIT_AND_REASON),
}


def drawn(setting: Choice | Range, number: int = 2000) -> list[Any]:
    rng = np.random.default_rng(0)
    return [setting.sample(rng) for _ in range(number)]


# -- what is drawn ----------------------------------------------------------------------------------------------------


def test_choice_draws_each_value_alike() -> None:
    values = drawn(choice("cosine", 3, (16, 32), **UNIT_AND_REASON))
    assert {type(value) for value in values} == {str, int, tuple}
    for value in ("cosine", 3, (16, 32)):
        assert values.count(value) == pytest.approx(2000 / 3, rel=0.1)


def test_uniform_draws_clean_steps() -> None:
    """Eleven decimals as one would type them, the ends as likely as the rest."""
    values = drawn(uniform(0.0, 0.5, step=0.05, **UNIT_AND_REASON))
    assert sorted(set(map(repr, values))) == sorted(
        ["0.0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5"]
    )
    assert values.count(0.0) == pytest.approx(2000 / 11, rel=0.2)
    assert values.count(0.5) == pytest.approx(2000 / 11, rel=0.2)


def test_uniform_without_steps_is_short_too() -> None:
    values = drawn(uniform(0.2, 0.7, **UNIT_AND_REASON))
    assert len(set(values)) > 400
    assert max(len(repr(value)) for value in values) <= len("0.2005")
    assert min(values) == pytest.approx(0.2, abs=0.005)
    assert np.mean(values) == pytest.approx(0.45, abs=0.01)


def test_log_uniform_draws_orders_of_magnitude_alike() -> None:
    values = drawn(log_uniform(1e-4, 1e-2, **UNIT_AND_REASON))
    assert all(1e-4 <= value <= 1e-2 for value in values)
    assert np.mean(np.array(values) < 1e-3) == pytest.approx(0.5, abs=0.05)
    assert all(float(f"{value:.2e}") == value for value in values)  # three digits
    assert len(set(values)) > 300


def test_ends_of_more_digits_are_kept() -> None:
    assert set(drawn(log_uniform(1.2341e-3, 1.2344e-3, **UNIT_AND_REASON), 100)) <= {1.2341e-3, 1.2344e-3}


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        (uniform(1, 4, **UNIT_AND_REASON), {1, 2, 3, 4}),
        (uniform(128, 512, step=128, **UNIT_AND_REASON), {128, 256, 384, 512}),
        (log_uniform(1, 3, **UNIT_AND_REASON), {1, 2, 3}),
    ],
)
def test_whole_ends_give_whole_numbers(setting: Range, wanted: set[int]) -> None:
    values = drawn(setting, 200)
    assert set(values) == wanted
    assert {type(value) for value in values} == {int}


def test_sample_follows_the_seed() -> None:
    setting = log_uniform(1e-4, 1e-2, **UNIT_AND_REASON)
    assert drawn(setting, 5) == drawn(setting, 5)
    assert setting.sample(np.random.default_rng(1)) != setting.sample(np.random.default_rng(2))


@pytest.mark.parametrize(
    ("setting", "inside", "outside"),
    [
        (choice(0.0, 0.1, **UNIT_AND_REASON), [0.0, 0.1], [0.05, "0.1"]),
        (choice((16, 32), (32,), **UNIT_AND_REASON), [(16, 32)], [16, (16,)]),
        (uniform(0.0, 0.5, **UNIT_AND_REASON), [0, 0.5, 0.123456], [-0.1, 0.51, "0.1", True, float("nan")]),
        (uniform(0.0, 0.5, step=0.05, **UNIT_AND_REASON), [0.0, 0.15, 0.5], [0.12, 0.15000000000000002]),
        (log_uniform(1e-4, 1e-2, **UNIT_AND_REASON), [1e-4, 1e-2, 3.3e-3], [0.0, 9.9e-5, 0.02]),
        (uniform(1, 4, **UNIT_AND_REASON), [1, 4], [0, 2.5, 5]),
        (uniform(128, 512, step=128, **UNIT_AND_REASON), [128, 512], [129, 640]),
    ],
)
def test_contains(setting: Choice | Range, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not setting.contains(value)] == []
    assert [value for value in outside if setting.contains(value)] == []
    assert all(setting.contains(value) for value in drawn(setting, 200))


def test_describe_is_json() -> None:
    told = [
        choice((16, 32), (32,), **UNIT_AND_REASON).describe(),
        uniform(0.0, 0.5, step=0.05, **UNIT_AND_REASON).describe(),
        log_uniform(1e-4, 1e-2, **UNIT_AND_REASON).describe(),
    ]
    assert json.loads(json.dumps(told)) == [
        {"values": [[16, 32], [32]], **UNIT_AND_REASON},
        {"low": 0.0, "high": 0.5, "log": False, "step": 0.05, **UNIT_AND_REASON},
        {"low": 1e-4, "high": 1e-2, "log": True, "step": None, **UNIT_AND_REASON},
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: choice(**UNIT_AND_REASON),
        lambda: choice(1, 2, 1, **UNIT_AND_REASON),
        lambda: uniform(0.5, 0.5, **UNIT_AND_REASON),
        lambda: uniform(0.0, float("nan"), **UNIT_AND_REASON),
        lambda: uniform(0.0, 0.5, step=0.3, **UNIT_AND_REASON),
        lambda: uniform(0.0, 0.5, step=0.0, **UNIT_AND_REASON),
        lambda: uniform(0.0, 0.5, step=-0.1, **UNIT_AND_REASON),
        lambda: log_uniform(0.0, 1.0, **UNIT_AND_REASON),
        lambda: log_uniform(float("inf"), 1.0, **UNIT_AND_REASON),
    ],
)
def test_what_cannot_be_searched(make: Any) -> None:
    with pytest.raises(SearchSpaceError):
        make()


# -- the models' own spaces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=REGISTRY)
def test_own_space_holds_the_coursework(kind: ModelSpec) -> None:
    recipe, config = Recipe(), kind.config_class()
    start = values_of(kind.search_space, recipe, config)
    assert list(start) == list(kind.search_space)
    assert [name for name, setting in kind.search_space.items() if not setting.contains(start[name])] == []
    for setting in kind.search_space.values():
        assert setting.unit
        assert len(setting.why) > 10


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=REGISTRY)
def test_all_of_the_own_space_can_be_made(kind: ModelSpec) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        settings = {name: setting.sample(rng) for name, setting in kind.search_space.items()}
        assert values_of(settings, *split(settings, Recipe(), kind.config_class())) == settings


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=REGISTRY)
def test_names_are_of_the_recipe_or_of_the_model(kind: ModelSpec) -> None:
    assert not {field.name for field in fields(Recipe)} & {field.name for field in fields(kind.config_class)}


# -- settings and their owners ----------------------------------------------------------------------------------------


def test_split_gives_each_its_own() -> None:
    recipe, config = split({"batch_size": 32, "conv_dropout": 0.4}, *KNOWN)
    assert (recipe, config) == (Recipe(batch_size=32), PosterCNN(conv_dropout=0.4))
    assert split({}, *KNOWN) == KNOWN
    assert values_of(["conv_dropout", "batch_size"], recipe, config) == {"conv_dropout": 0.4, "batch_size": 32}


def test_split_and_values_of_know_no_other_names() -> None:
    with pytest.raises(SearchSpaceError, match="no option lstm_dropout"):
        split({"lstm_dropout": 0.1}, *KNOWN)
    with pytest.raises(SearchSpaceError, match=r"conv_droput: did you mean conv_dropout\?"):
        values_of(["conv_droput"], *KNOWN)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        split({"batch_size": 0}, *KNOWN)


# -- YAML -------------------------------------------------------------------------------------------------------------


def changed(text: Any, space: SearchSpace = SPACE, known: Any = KNOWN) -> tuple[SearchSpace, dict[str, Any]]:
    return overridden(space, text, known=known, where="space.yaml")


def test_yaml_changes_adds_and_fixes() -> None:
    space, fixed = changed("""
        learning_rate: {log_uniform: [1e-5, 1.0e-3]}   # YAML reads 1e-5 as text
        batch_size: 32
        conv_dropout: {uniform: [0, 0.5], step: 0.05}
        dense_units: [256, 1024]
        dense_layers: {uniform: [1, 3]}
        block_filters: [[16, 32], [32, 64, 128]]
        schedule: [cosine]
        dense_dropout: 0
    """)
    told = "set in space.yaml"
    assert space == {
        "learning_rate": Range(1e-5, 1e-3, log=True, step=None, unit="a step", why=told),
        "conv_dropout": Range(0.0, 0.5, log=False, step=0.05, unit="", why=told),
        "dense_units": Choice((256, 1024), "", told),
        "dense_layers": Range(1, 3, log=False, step=None, unit="", why=told),
        "block_filters": Choice(((16, 32), (32, 64, 128)), "", told),
    }
    assert fixed == {"batch_size": 32, "schedule": "cosine", "dense_dropout": 0.0}
    assert isinstance(fixed["dense_dropout"], float)
    assert set(drawn(space["dense_layers"], 50)) == {1, 2, 3}
    assert {type(value) for value in drawn(space["conv_dropout"], 50)} == {float}
    assert list(SPACE) == ["learning_rate", "batch_size"]  # as it was


def test_mapping_does_as_well_as_text() -> None:
    assert changed({"batch_size": [16, 32]}) == changed("batch_size: [16, 32]")


@pytest.mark.parametrize("text", ["", "# nothing but this", "{}"])
def test_yaml_that_changes_nothing(text: str) -> None:
    assert changed(text) == (SPACE, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("learning_rat: 0.1", "learning_rat: there is no option learning_rat: did you mean learning_rate?"),
        ("max_tokens: 64", "max_tokens: there is no option"),
        ("12: 64", "12: there is no option 12: the options are epochs,"),
        ("batch_size: {log: [1, 2]}", "batch_size: .* is none of {log_uniform: "),
        ("batch_size: {uniform: [1, 2], log_uniform: [1, 2]}", "is none of"),
        ("learning_rate: {log_uniform: [0.1, 0.2], step: 0.1}", "is none of"),
        ("batch_size: {uniform: 5}", r"uniform needs two numbers, \[low, high\], not 5"),
        ("batch_size: {uniform: [1, 2, 3]}", "uniform needs two numbers"),
        ("batch_size: [32, many]", "batch_size: 'many' is no number"),
        ("batch_size: [32, 48.5]", "48.5 is no whole number"),
        ("batch_size: [32, true]", "True is no number"),
        ("batch_size:", "None is no number"),
        ("batch_size: []", "a choice needs values"),
        ("batch_size: [32, 32]", "a choice needs values, each once"),
        ("batch_size: [0, 32]", "batch_size must be at least 1, not 0"),
        ("learning_rate: {uniform: [-1, 1]}", "learning_rate must be above 0"),
        ("learning_rate: .inf", "inf is no number"),
        ("learning_rate: {log_uniform: [0.1, 0.01]}", "must rise from its first number to its second, not 0.1 to 0.01"),
        ("conv_dropout: {uniform: [0, 0.5], step: 0.3}", "steps of 0.3 do not lead through 0.0 to 0.5"),
        ("conv_dropout: {uniform: [0, 1.5]}", "conv_dropout must be 0 to 1, not 1.5"),
        ("schedule: [cosine, cosin]", "schedule must be one of .*, not 'cosin'"),
        ("schedule: {uniform: [0, 1]}", "a range needs an option that is a number"),
        ("schedule: off", "False must be like 'hold_then_decay'"),
        ("block_filters: [16, 32]", "16 is no list; each value must be one"),
        ("- batch_size", "must map names of settings"),
        ("batch_size: [32", "is not YAML"),
    ],
)
def test_yaml_errors_say_where_and_what(text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says) as error:
        changed(text)
    assert str(error.value).startswith("space.yaml")


def test_yaml_of_the_other_model() -> None:
    space, _ = changed("max_tokens: [32, 64]", known=(Recipe(), OverviewLSTM()))
    assert space["max_tokens"] == Choice((32, 64), "", "set in space.yaml")
