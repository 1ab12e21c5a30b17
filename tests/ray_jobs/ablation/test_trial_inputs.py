"""Which variants of an ablation may share films."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY

FROZEN = PosterCNN(backbone="MobileNet", backbone_weights="a.h5")
JOINT = FusionGMU(poster_backbone="MobileNet", poster_weights="a.h5", overview_backbone="minilm", augmentation=0.0)


@pytest.mark.parametrize(
    ("kind", "one", "change"),
    [
        ("cnn", FROZEN, {"backbone_weights": "b.h5"}),
        ("cnn", FROZEN, {"trainable_blocks": 2}),
        ("fusion", JOINT, {"poster_weights": "b.h5"}),
        ("fusion", JOINT, {"poster_backbone": "none", "poster_weights": "", "overview_backbone": "none"}),
    ],
)
def test_other_encoders_are_fed_other_films(kind: str, one: Any, change: dict[str, Any]) -> None:
    inputs = REGISTRY[kind].inputs
    assert inputs(replace(one, **change)) != inputs(one)


def test_models_that_differ_elsewhere_share_them() -> None:
    inputs = REGISTRY["cnn"].inputs
    assert inputs(replace(FROZEN, dense_dropout=0.1)) == inputs(FROZEN)
    words = REGISTRY["lstm"].inputs
    assert words(OverviewLSTM(lstm_dropout=0.1)) == words(OverviewLSTM()) != words(OverviewLSTM(min_count=3))
