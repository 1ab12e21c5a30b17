"""The actors that encode films."""

from __future__ import annotations

import os
from typing import Any

import pytest

from genre_models.encoders.encoder import Backbone
from ray_jobs.inputs.feature_extraction import _Encoder


@pytest.mark.parametrize(("threads", "wanted"), [(3, "3"), (0, "5")])
def test_an_actor_computes_on_its_share_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, threads: int, wanted: str
) -> None:
    """TensorFlow reads the number when it is imported, with the first films; on a GPU it is left alone."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    nothing: Any = None
    _Encoder(nothing, Backbone("minilm"), nothing, "", nothing, threads)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == wanted
