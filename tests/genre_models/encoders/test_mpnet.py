"""MPNet against its layers in numpy, at toy size; and the real one where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.encoders.encoder import Backbone, TokenEncoder, sentence_embeddings
from genre_models.encoders.mpnet import MPNet, bucket, build
from genre_models.weights.mpnet_package import unpacked
from tests.genre_models.encoders.by_hand import (
    attended,
    bert_feed_forward,
    dense,
    normalised,
    require_saved_and_loaded,
)

CONFIG = {
    "model_type": "mpnet",
    "hidden_act": "gelu",
    "pad_token_id": 1,
    "relative_attention_num_buckets": 32,
    "hidden_size": 6,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 10,
    "max_position_embeddings": 162,  # two more than positions
    "vocab_size": 20,
    "layer_norm_eps": 1e-3,
}
# Distances from which a bucket is the next one: 8 * 2 ** (k / 2), rounded up (Raffel et al. 2020).
BOUNDS = [12, 16, 23, 32, 46, 64, 91]


def toy_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (20, 6),
        "embeddings.position_embeddings.weight": (162, 6),
        "encoder.relative_attention_bias.weight": (32, 2),
        "pooler.dense.weight": (6, 6),  # there, and not used
    }
    norms = ["embeddings"]
    for i in range(2):
        layer = f"encoder.layer.{i}"
        for part in ("q", "k", "v", "o"):
            shapes[f"{layer}.attention.attn.{part}.weight"] = (6, 6)
            shapes[f"{layer}.attention.attn.{part}.bias"] = (6,)
        shapes[f"{layer}.intermediate.dense.weight"], shapes[f"{layer}.intermediate.dense.bias"] = (10, 6), (10,)
        shapes[f"{layer}.output.dense.weight"], shapes[f"{layer}.output.dense.bias"] = (6, 10), (6,)
        norms += [f"{layer}.attention", f"{layer}.output"]
    for name in norms:
        shapes[f"{name}.LayerNorm.weight"] = shapes[f"{name}.LayerNorm.bias"] = (6,)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def save(folder: Path, config: dict[str, Any], prefix: str = "") -> Path:
    safetensors = pytest.importorskip("safetensors.numpy")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    named = {f"{prefix}{name}": value for name, value in toy_weights().items()}
    safetensors.save_file(named, folder / "model.safetensors")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(tmp_path, CONFIG)


def bucket_by_hand(distance: int) -> int:
    far = abs(distance)
    within = far if far < 8 else 8 + sum(far >= bound for bound in BOUNDS)
    return within + (16 if distance > 0 else 0)


def by_hand(state: dict[str, np.ndarray], ids: list[int], config: dict[str, Any]) -> np.ndarray:
    """One film's states [T, D] from the ids [T] of the file, none of them padding: Song et al. 2020, head by head."""

    epsilon = config["layer_norm_eps"]
    words, places = state["embeddings.word_embeddings.weight"], state["embeddings.position_embeddings.weight"]
    x = normalised(state, words[ids] + places[2 : 2 + len(ids)], "embeddings.LayerNorm", epsilon)
    bias = state["encoder.relative_attention_bias.weight"]
    buckets = [[bucket_by_hand(seen - token) for seen in range(len(ids))] for token in range(len(ids))]
    for i in range(config["num_hidden_layers"]):
        key = f"encoder.layer.{i}"
        parts = (dense(state, x, f"{key}.attention.attn.{part}") for part in "qkv")
        seen = attended(*parts, config["num_attention_heads"], bias[buckets])
        x = normalised(state, x + dense(state, seen, f"{key}.attention.attn.o"), f"{key}.attention.LayerNorm", epsilon)
        x = bert_feed_forward(state, x, key, epsilon)
    return x


def exchanged(films: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids as the encoder takes them: 0 is padding, and 1 what the file has as 0."""
    longest = max(map(len, films))
    ids = np.array([[piece or 1 for piece in film] + [0] * (longest - len(film)) for film in films], np.int32)
    return ids, np.array([len(film) for film in films], np.int32)


FILMS = [[0, 5, 7, 4, 2], [0, 2], [0, 9, 9, 6, 11, 3, 8, 4, 10, 18, 17, 2], [0, *[3 + i % 17 for i in range(148)], 2]]


def test_states_are_mpnet_s(folder: Path) -> None:
    """Padding changes nothing, and distances reach into the last bucket."""
    ids, _ = exchanged(FILMS)
    states = build(folder).predict_on_batch(ids)
    assert states.shape == (4, 150, 6)
    for film, have in zip(FILMS, states, strict=True):
        np.testing.assert_allclose(have[: len(film)], by_hand(toy_weights(), film, CONFIG), rtol=1e-4, atol=1e-4)


def test_buckets_are_those_by_hand() -> None:
    distances = np.arange(-600, 601)
    assert bucket(distances).tolist() == [bucket_by_hand(int(distance)) for distance in distances]


def test_the_encoder_takes_any_mpnet(tmp_path: Path) -> None:
    """Also with the names of a model for masked words, and whatever its length of text."""
    encoder = MPNet()
    backbone = Backbone("mpnet", str(save(tmp_path, CONFIG, "mpnet.")))
    loaded = encoder.load(backbone)
    assert (loaded.units, loaded.max_tokens, encoder.input_size(backbone)) == (6, 160, "384-tokens")
    assert not loaded._model.jit_compile  # XLA would compile it for each length anew
    states = loaded.token_states(*exchanged(FILMS[:1]))
    np.testing.assert_allclose(states[0], by_hand(toy_weights(), FILMS[0], CONFIG), rtol=2e-3, atol=2e-3)
    model = encoder.build(backbone)
    names = [layer.name for layer in encoder.stages(model)[1] if layer.weights]
    read = ("query", "key", "value", "output", "attended", "wide", "narrow")
    assert names == [*(f"layer_1_{part}" for part in read), "layer_1"]


@pytest.mark.slow
def test_frozen_layers_are_saved_and_loaded(folder: Path) -> None:
    require_saved_and_loaded(build(folder), exchanged(FILMS)[0], folder / "model.keras")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model_type", "bert", "model_type is 'bert', and only mpnet .* read with --backbone bert"),
        ("model_type", "t5", "model_type is 't5', and only mpnet is known here$"),
        ("relative_attention_num_buckets", 64, "relative_attention_num_buckets is 64"),
        ("num_hidden_layers", 3, r"does not hold the weights .*encoder\.layer\.2"),
    ],
)
def test_another_kind_of_model_is_refused(folder: Path, name: str, value: Any, said: str) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, name: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        build(folder)


def real() -> tuple[Path, TokenEncoder]:
    pytest.importorskip("safetensors")
    try:
        folder = unpacked()
    except FileNotFoundError:
        pytest.skip("MPNet's packages (405 MB) are not installed")
    return folder, MPNet().load(Backbone("mpnet"))


SENTENCES = [
    *("This is an example sentence", "Each sentence is converted", "A man is eating food.", "Someone has a meal."),
    *("A detective hunts a killer.", "A policeman looks for a murderer.", "Two friends fall in love.", "A romance."),
    *("The ship sinks in the ocean.", "A boat goes down at sea.", "", "The", "Zwölf Boxkämpfer jagen Viktor."),
    *("A young wizard goes to school.", "Aliens attack the Earth!", "An invasion from outer space.", "42", "?"),
    *("word " * 120, "A documentary on the life of bees, their queen, and the people who keep them."),
]


@pytest.mark.slow
def test_the_real_one_agrees_by_hand_on_twenty_sentences() -> None:
    """And finds its pairs: of each of the five sentences the other one is the nearest of the ten."""
    folder, encoder = real()
    from safetensors.numpy import load_file

    from datasets.text.pretrained_tokenizer import WordPiece

    ids, lengths = WordPiece(folder).encode(SENTENCES, max_tokens=48)
    states = encoder.token_states(ids, lengths)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {name: x.astype(np.float64) for name, x in load_file(folder / "model.safetensors").items()}
    have = MPNet().build(Backbone("mpnet")).predict_on_batch(ids)
    for row, length in enumerate(lengths):
        film = [{0: 1, 1: 0}.get(piece, piece) for piece in ids[row, :length].tolist()]
        np.testing.assert_allclose(have[row, :length], by_hand(weights, film, config), atol=1e-4)
    vectors = sentence_embeddings(states)
    pairs = vectors[[2, 4, 6, 8, 14]] @ vectors[[3, 5, 7, 9, 15]].T
    assert pairs.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    # The first values that the model's card shows for its two sentences.
    assert vectors[0, :3] == pytest.approx([0.0225, -0.0783, -0.0230], abs=2e-4)
