"""Frozen encoders in one graph have the features that a store has, which are made step by step."""

from __future__ import annotations

import keras
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from genre_models.encoders.encoder import Backbone, TokenEncoder
from genre_models.encoders.registry import ENCODERS
from genre_models.export import frozen_encoders
from genre_models.predictors.encode_films import views_of
from genre_models.predictors.network import poster_column
from tests.genre_models.encoders.tiny_encoders import TinyImages, TinyTexts

DRAW = np.random.default_rng(0)
SIZES = [((8, 6), (16, 12)), ((64, 64), (96, 64)), ((50, 15), (13, 15)), ((40, 12), (8, 12)), ((30, 9), (10, 12))]


@pytest.mark.parametrize(("before", "after"), SIZES, ids=str)
def test_pixels_are_those_of_pillow(before: tuple[int, int], after: tuple[int, int]) -> None:
    posters = DRAW.integers(0, 256, (3, *before, 3)).astype(np.uint8)
    posters[2] = 255 * (posters[2] > 127)  # edges, beyond which the filter swings
    height, width = after
    kernel = Image.Resampling.BICUBIC
    wanted = [np.asarray(Image.fromarray(poster).resize((width, height), kernel)) for poster in posters]
    found = frozen_encoders.resized(keras.ops.convert_to_tensor(posters), height=height, width=width)
    np.testing.assert_array_equal(np.asarray(found), np.stack(wanted))


def test_features_of_posters_are_those_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, backbone = TinyImages(), Backbone("efficientnet-lite0", height=16, width=12)
    monkeypatch.setitem(ENCODERS, backbone.name, encoder)
    posters = DRAW.integers(0, 256, (3, 8, 6, 3)).astype(np.uint8)
    posters[1] = 0
    wanted = views_of(encoder.load(backbone), backbone)(pa.table({"poster": poster_column(posters)}), (8, 6, 3))
    found = frozen_encoders.poster_features(backbone, height=8, width=6).predict_on_batch(posters)
    assert found.dtype == np.float32 and found.shape == (3, 2, 5)
    # A value between two of float16 may be rounded to either.
    np.testing.assert_allclose(found, np.stack(wanted).astype(np.float16), rtol=1e-3)
    assert (found == found.astype(np.float16)).all() and not found[1].any() and (found[0, 0] != found[0, 1]).all()


def test_features_of_tokens_are_those_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, backbone = TinyTexts(), Backbone("minilm")
    monkeypatch.setitem(ENCODERS, backbone.name, encoder)
    lengths = np.array([4, 2, 7])
    ids = np.where(np.arange(7) < lengths[:, None], DRAW.integers(1, 20, (3, 7)), 0).astype(np.int32)
    wanted = TokenEncoder(encoder.build(backbone), 12).token_states(ids, lengths)
    model, most = frozen_encoders.token_features(backbone)
    assert most == 12  # positions, of which it has fewer than MiniLM
    found = model.predict_on_batch(ids)
    for states, length, there in zip(wanted, lengths, found, strict=True):
        np.testing.assert_allclose(there[:length], states, rtol=2e-3, atol=1e-6)
        assert not there[length:].any()
    assert not model.predict_on_batch(np.zeros((1, 3), np.int32)).any()
