"""Which variants of an ablation may share films."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.poster_cnn import PosterCNN
from ray_jobs.ablation.trial_inputs import key_of_inputs

FROZEN = PosterCNN(backbone="MobileNet", backbone_weights="a.h5")
JOINT = FusionGMU(poster_backbone="MobileNet", poster_weights="a.h5", overview_backbone="minilm", augmentation=0.0)


@pytest.mark.parametrize(
    ("one", "change"),
    [
        (FROZEN, {"backbone_weights": "b.h5"}),
        (FROZEN, {"trainable_blocks": 2}),
        (JOINT, {"poster_weights": "b.h5"}),
        (JOINT, {"poster_backbone": "none", "poster_weights": "", "overview_backbone": "none"}),
    ],
)
def test_other_encoders_are_fed_other_films(one: Any, change: dict[str, Any]) -> None:
    assert key_of_inputs(replace(one, **change)) != key_of_inputs(one)


def test_models_that_differ_elsewhere_share_them() -> None:
    assert key_of_inputs(replace(FROZEN, dense_dropout=0.1)) == key_of_inputs(FROZEN)
