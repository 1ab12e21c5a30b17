"""Options from a file are checked as those of a command line are."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.option_checks import parse_yaml
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.search_space import SearchSpaceError, overridden
from genre_models.studies.ablation_components import read_components
from genre_models.training.recipe import Recipe

REFUSED: list[tuple[Any, dict[str, Any]]] = [
    (PosterCNN(), {"normalization": "nosuch"}),
    (PosterCNN(), {"normalization": None}),
    (PosterCNN(), {"pooling": "max"}),
    (PosterCNN(), {"pooling": ["mean"]}),
    (OverviewLSTM(), {"embedding_init": "zeros"}),
    (OverviewLSTM(), {"tokenizer": "letters"}),
    (FusionGMU(), {"poster_pooling": "sum"}),
    (FusionGMU(), {"normalization": "layer"}),
    (Recipe(), {"loss": "mse"}),
    (PosterCNN(), {"height": 0}),
    (PosterCNN(), {"width": -64}),
    (PosterCNN(), {"dense_units": 0}),
    (PosterCNN(), {"block_filters": [32]}),
    (PosterCNN(), {"block_filters": (32, 0)}),
    (PosterCNN(), {"block_filters": (32, 6.5)}),
    (PosterCNN(), {"stem_filters": 16.0}),
    (PosterCNN(), {"residual": 1}),
    (PosterCNN(), {"residual": "no"}),
    (PosterCNN(), {"conv_dropout": math.nan}),
    (PosterCNN(), {"augmentation": "0.5"}),
    (PosterCNN(), {"backbone_weights": 3}),
    (OverviewLSTM(), {"vocabulary_size": 2}),
    (OverviewLSTM(), {"max_tokens": 0}),
    (OverviewLSTM(), {"second_lstm_units": -1}),
    (FusionGMU(), {"fusion_units": 0}),
    (FusionGMU(), {"modality_dropout": math.nan}),
    (Recipe(), {"learning_rate": math.nan}),
    (Recipe(), {"learning_rate": math.inf}),
    (Recipe(), {"decay": math.nan}),
    (Recipe(), {"decay": -0.1}),
    (Recipe(), {"epochs": True}),
    (Recipe(), {"batch_size": 6.5}),
    (Recipe(), {"seed": -1}),
    (Recipe(), {"seed": 2**32}),
    (Recipe(), {"epochs": 10**400}),
    (PosterCNN(), {"dense_units": 2**31}),
    (PosterCNN(), {"block_filters": (32, 2**31)}),
    (Recipe(), {"oversample_share": math.nan}),
]


@pytest.mark.parametrize(("options", "change"), REFUSED, ids=[next(iter(change)) for _, change in REFUSED])
def test_values_that_are_refused(options: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))) as error:
        replace(options, **change)
    assert len(str(error.value)) < 300


def test_values_that_are_taken() -> None:
    replace(PosterCNN(), dense_layers=0, dense_units=0, conv_dropout=0, backbone="EfficientNetV2B0")
    replace(OverviewLSTM(), second_lstm_units=0, dense_units=0)
    replace(Recipe(), seed=2**32 - 1, decay=0, patience=0)


def test_a_value_that_is_huge_is_shown_in_short() -> None:
    """A YAML file of a few lines can name one list a billion times over."""
    value: Any = ["x"]
    for _ in range(40):
        value = [value, value]
    with pytest.raises(ValueError, match="normalization must be one of none, batch, group") as error:
        PosterCNN(normalization=value)
    assert len(str(error.value)) < 300


LISTS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in itertools.pairwise("abcdefghi")
)
MERGED = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 3)}]}}\n" for old, new in itertools.pairwise("abcdefghijklmnopqr")
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LISTS, "more than 100,000 values"),
        (MERGED, "more than 100,000 values"),
        ("a: &a [*a]", "more than 100,000 values"),
        ("{a: " * 5_000, "nested too deeply"),
        ("a: " + "x" * 2_000_000, "2,000,003 characters"),
        ("a: [1, 2", "line 1"),
        ("a: 2020-99-99", "month"),
        ("a: \x7f", "unacceptable character"),
    ],
)
def test_yaml_that_is_none_or_a_bomb_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as error:
        parse_yaml(text)
    assert "\n" not in str(error.value)
    for read in (
        lambda: overridden({}, text, known=(Recipe(), PosterCNN()), where="--space"),
        lambda: read_components(text, known=(Recipe(), PosterCNN()), where="--components"),
    ):
        with pytest.raises(SearchSpaceError, match=why):
            read()


def test_yaml_names_a_list_again() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: *a\nc: {<<: {d: 3}}") == {"a": [1, 2], "b": [1, 2], "c": {"d": 3}}


@pytest.mark.parametrize(
    "text",
    [
        "block_filters: [[], [[1]]]",
        "batch_size: {uniform: [1, 9" + "0" * 400 + "]}",
        "batch_size: {uniform: [1, 5], step: .nan}",
        "learning_rate: {log_uniform: [.nan, 1]}",
        "5: 1",
        "batch_size: [-1, 32]",
        "seed: [-1]",
    ],
)
def test_a_space_of_wrong_values_is_refused(text: str) -> None:
    with pytest.raises(SearchSpaceError, match="--space") as error:
        overridden({}, text, known=(Recipe(), PosterCNN()), where="--space")
    assert len(str(error.value)) < 1_000
