"""Image towers of CLIP and SigLIP against their layers in numpy, at toy size."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.encoders import image_tower
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.image_tower import ImageTower
from genre_models.encoders.registry import image_encoder
from tests.genre_models.encoders import by_hand
from tests.genre_models.encoders.by_hand import State

VISION = {
    "hidden_size": 6,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 10,
    "image_size": 12,
    "patch_size": 4,
    "layer_norm_eps": 1e-3,
}
PICTURES = np.random.default_rng(1).integers(0, 256, (2, 12, 12, 3), np.uint8)
MEAN = {"clip": [0.48145466, 0.4578275, 0.40821073], "siglip": [0.5, 0.5, 0.5]}
DEVIATION = {"clip": [0.26862954, 0.26130258, 0.27577711], "siglip": [0.5, 0.5, 0.5]}


def toy_weights(kind: str) -> State:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.patch_embedding.weight": (6, 3, 4, 4),
        "embeddings.position_embedding.weight": (10 if kind == "clip" else 9, 6),
        "post_layernorm.weight": (6,),
        "post_layernorm.bias": (6,),
    }
    dense = {"fc1": (10, 6), "fc2": (6, 10)}
    for i in range(2):
        key = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{key}.self_attn.{part}.weight"], shapes[f"{key}.self_attn.{part}.bias"] = (6, 6), (6,)
        for part in ("layer_norm1", "layer_norm2"):
            shapes[f"{key}.{part}.weight"] = shapes[f"{key}.{part}.bias"] = (6,)
        for part, shape in dense.items():
            shapes[f"{key}.mlp.{part}.weight"], shapes[f"{key}.mlp.{part}.bias"] = shape, shape[:1]
    if kind == "clip":
        shapes |= {"embeddings.class_embedding": (6,), "pre_layrnorm.weight": (6,), "pre_layrnorm.bias": (6,)}
    else:
        shapes |= {"embeddings.patch_embedding.bias": (6,), "head.probe": (1, 1, 6)}
        shapes |= {"head.attention.in_proj_weight": (18, 6), "head.attention.in_proj_bias": (18,)}
        shapes |= {"head.attention.out_proj.weight": (6, 6), "head.attention.out_proj.bias": (6,)}
        shapes |= {"head.layernorm.weight": (6,), "head.layernorm.bias": (6,)}
        for part, shape in dense.items():
            shapes[f"head.mlp.{part}.weight"], shapes[f"head.mlp.{part}.bias"] = shape, shape[:1]
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def save(folder: Path, kind: str, *, whole: bool = True, **vision: Any) -> Path:
    """A folder of the whole model, or of the tower alone."""
    safetensors = pytest.importorskip("safetensors.numpy")
    config = {**VISION, **vision}
    told = {"model_type": kind, "vision_config": config} if whole else {"model_type": f"{kind}_vision_model", **config}
    (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")
    weights = {f"vision_model.{name}": value for name, value in toy_weights(kind).items()}
    if whole:
        weights["text_model.embeddings.token_embedding.weight"] = np.zeros((3, 6), np.float32)
    safetensors.save_file(weights, folder / "model.safetensors")
    return folder


def features_by_hand(
    state: State, kind: str, picture: np.ndarray, mean: list[float], deviation: list[float]
) -> np.ndarray:
    """A picture's features [6], patch by patch and head by head."""

    dense, normalised = partial(by_hand.dense, state), partial(by_hand.normalised, state, epsilon=1e-3)
    attended = partial(by_hand.attended, heads=2)

    def perceptron(x: np.ndarray, key: str) -> np.ndarray:
        wide = dense(x, f"{key}.fc1")
        if kind == "clip":
            return dense(wide / (1 + np.exp(-1.702 * wide)), f"{key}.fc2")
        return dense(0.5 * wide * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))), f"{key}.fc2")

    pixels = (picture / 255 - mean) / deviation
    kernel = state["embeddings.patch_embedding.weight"]
    patches = [pixels[row : row + 4, column : column + 4] for row in (0, 4, 8) for column in (0, 4, 8)]
    x = np.stack([np.einsum("ockl,klc->o", kernel, patch) for patch in patches])
    if kind == "clip":
        x = np.concatenate([state["embeddings.class_embedding"][None], x])
    else:
        x = x + state["embeddings.patch_embedding.bias"]
    x = x + state["embeddings.position_embedding.weight"]
    x = normalised(x, "pre_layrnorm") if kind == "clip" else x
    for i in range(2):
        key = f"encoder.layers.{i}"
        seen = normalised(x, f"{key}.layer_norm1")
        parts = (dense(seen, f"{key}.self_attn.{part}_proj") for part in "qkv")
        x = x + dense(attended(*parts), f"{key}.self_attn.out_proj")
        x = x + perceptron(normalised(x, f"{key}.layer_norm2"), f"{key}.mlp")
    x = normalised(x, "post_layernorm")
    if kind == "clip":
        return x[0]
    weight, bias = (
        np.split(state["head.attention.in_proj_weight"], 3),
        np.split(state["head.attention.in_proj_bias"], 3),
    )
    given = (state["head.probe"][0], x, x)
    parts = (one @ weight[i].T + bias[i] for i, one in enumerate(given))
    pooled = dense(attended(*parts), "head.attention.out_proj")
    return (pooled + perceptron(normalised(pooled, "head.layernorm"), "head.mlp"))[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_features_are_those_by_hand(tmp_path: Path, kind: str) -> None:
    """Of the whole model's folder, with the normalisation of pixels of the original or of the folder."""
    backbone = Backbone(kind, str(save(tmp_path, kind)), 12, 12)
    features = image_encoder(backbone).load(backbone)(PICTURES)
    for picture, have in zip(PICTURES, features, strict=True):
        wanted = features_by_hand(toy_weights(kind), kind, picture, MEAN[kind], DEVIATION[kind])
        np.testing.assert_allclose(have, wanted, rtol=1e-4, atol=1e-4)
    save(tmp_path, kind, whole=False)
    told = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told), encoding="utf-8")
    model = image_encoder(backbone).build(backbone)
    wanted = features_by_hand(toy_weights(kind), kind, PICTURES[0], [0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    np.testing.assert_allclose(model.predict_on_batch(PICTURES)[0], wanted, rtol=1e-4, atol=1e-4)
    assert [path.name for path in image_encoder(backbone).files(tmp_path)] == [
        *("config.json", "model.safetensors", "preprocessor_config.json")
    ]
    first, last = image_encoder(backbone).stages(model)
    assert {layer.name for layer in first if layer.weights} == {
        *("layer_0_before", "layer_0_attention", "layer_0_between", "layer_0_wide", "layer_0_narrow")
    }
    assert {layer.name for layer in last} > {"features" if kind == "clip" else "probe"}


@pytest.mark.slow
def test_a_tower_is_saved_and_loaded(tmp_path: Path) -> None:
    model = image_tower.build(save(tmp_path, "siglip"), "siglip", height=12, width=12)
    by_hand.require_saved_and_loaded(model, PICTURES, tmp_path / "model.keras")


def test_posters_of_another_size_have_positions_in_between(tmp_path: Path) -> None:
    """A ramp of positions is one on the finer grid, but for the edges, where there is nothing beyond."""
    ramp = np.repeat(np.arange(4, dtype=np.float32), 4)[:, None]  # by rows of a square of four
    fine = image_tower._resized(ramp, (8, 4)).reshape(8, 4)
    np.testing.assert_allclose(fine[2:6], np.repeat([[0.75], [1.25], [1.75], [2.25]], 4, axis=1), atol=0.05)
    model = image_tower.build(save(tmp_path, "clip"), "clip", height=16, width=8)
    assert model.predict_on_batch(np.zeros((1, 16, 8, 3), np.uint8)).shape == (1, 6)
    with pytest.raises(ValueError, match=r"not whole patches of 4: take, for example, --height 12 --width 8$"):
        image_tower.build(tmp_path, "clip", height=13, width=8)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="clip has no package of weights: name a folder"):
        ImageTower("clip").weights_file(None)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin is a pickle, which is not read"):
        ImageTower("clip").weights_file(tmp_path)
    save(tmp_path, "siglip")
    with pytest.raises(ValueError, match=r"model_type is 'siglip'.* read with --backbone siglip"):
        image_tower.build(tmp_path, "clip", height=12, width=12)
    save(tmp_path, "clip", hidden_act="swish")
    with pytest.raises(ValueError, match="hidden_act is 'swish'"):
        image_tower.build(tmp_path, "clip", height=12, width=12)
    save(tmp_path, "clip", num_hidden_layers=3)
    with pytest.raises(ValueError, match=r"does not hold the weights .*encoder\.layers\.2"):
        image_tower.build(tmp_path, "clip", height=12, width=12)
    (tmp_path / "model.safetensors").write_bytes(b"not a header")
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be read: it is damaged"):
        image_tower.build(tmp_path, "clip", height=12, width=12)
