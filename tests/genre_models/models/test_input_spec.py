"""The description of a model's inputs: what each kind of model takes, and what a checkpoint keeps of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from genre_models.checkpoint import Checkpoint
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.input_spec import InputSpec, ModelInput
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY
from genre_models.training.recipe import Recipe

LITE = PosterCNN(backbone="efficientnet-lite0", height=192, width=128)
MINILM = OverviewLSTM(backbone="minilm", max_tokens=60)
JOINT = FusionGMU(
    height=192,
    width=128,
    augmentation=0.0,
    poster_backbone="efficientnet-lite0",
    overview_backbone="minilm",
    overview_weights="/bert",
)
DIGEST = "0123" * 16


def spec(kind: str, config: Any) -> InputSpec:
    return REGISTRY[kind].inputs(config)


def only(kind: str, config: Any) -> ModelInput:
    (one,) = spec(kind, config)
    return one


def about(kind: str, config: Any, **told: Any) -> Checkpoint:
    return Checkpoint(kind=kind, genres=("A", "B"), config=config, recipe=Recipe(), store={}, **told)


@pytest.mark.parametrize(
    ("kind", "config", "form", "shape", "dtype", "blocks"),
    [
        ("cnn", PosterCNN(height=60, width=40), "pixels", (60, 40, 3), "uint8", None),
        ("cnn", LITE, "features", (2, None), "float16", 0),
        ("cnn", replace(LITE, trainable_blocks=3), "pixels", (192, 128, 3), "uint8", 3),
        ("lstm", OverviewLSTM(), "token_ids", (None,), "int32", None),
        ("lstm", MINILM, "features", (None, None), "float16", 0),
        ("lstm", replace(MINILM, trainable_blocks=2), "token_ids", (None,), "int32", 2),
    ],
)
def test_what_a_model_of_one_input_takes(
    kind: str, config: Any, form: str, shape: tuple[int | None, ...], dtype: str, blocks: int | None
) -> None:
    one = only(kind, config)
    assert (one.name, one.form, one.shape, one.dtype) == ("inputs", form, shape, dtype)
    assert one.source == {"cnn": "poster", "lstm": "overview"}[kind] == spec(kind, config).modality
    assert blocks == (one.encoder.trainable_blocks if one.encoder else None)
    assert (one.is_frozen, one.is_fine_tuned) == (blocks == 0, bool(blocks))
    assert one.by_length == (kind == "lstm") and not one.optional
    # Posters that a frozen encoder has seen may be stored at any size.
    assert spec(kind, config).poster_size == (shape[:2] if form == "pixels" else None)
    sizes = {"pixels": 3 * 60 * 40 if blocks is None else 3 * 192 * 128, "features": 0}
    assert one.film_bytes == sizes.get(form, 4 * (256 if blocks is None else 60) + 4)
    # The two directions of an LSTM run beside each other; an encoder is sequential.
    assert spec(kind, config).inter_op_parallel == (kind == "lstm" and not blocks)


def test_whose_words_a_model_knows() -> None:
    words = OverviewLSTM(tokenizer="stems", vocabulary_size=50, min_count=3, max_tokens=9)
    own = spec("lstm", words).own_vocabulary
    assert own and (own.tokenizer, own.vocabulary_size, own.min_count, own.max_tokens) == ("stems", 50, 3, 9)
    assert own.num_token_ids == 50
    for blocks in (0, 1):
        config = replace(MINILM, trainable_blocks=blocks)
        assert spec("lstm", config).own_vocabulary is None
        assert only("lstm", config).num_token_ids == 2**31 - 1 and only("lstm", config).max_tokens == 60
    assert only("lstm", replace(MINILM, trainable_blocks=1)).tokenizer == "encoder"


def test_a_joint_model_takes_both_and_a_film_may_lack_either() -> None:
    inputs = spec("fusion", FusionGMU(max_tokens=9))
    assert [(one.name, one.form, one.optional) for one in inputs] == [
        ("poster", "pixels", True),
        ("tokens", "token_ids", True),
    ]
    assert inputs.modality == "both" and inputs.by_length == inputs["tokens"]
    assert inputs.poster_size == (64, 64) and inputs.inter_op_parallel
    frozen = spec("fusion", JOINT)
    assert [one.form for one in frozen] == ["features"] * 2 and frozen.poster_size is None
    assert [one.encoder.input for one in frozen if one.encoder] == ["192x128", "256-tokens"]


def test_digests_and_lengths_of_vectors_stay_with_their_encoder() -> None:
    known = about("cnn", LITE).inputs
    assert known.features == {} and known.digests == () and known.units == {}
    known = known.with_input(known["inputs"].with_digest(DIGEST).with_units(7))
    told = {"encoder": "efficientnet-lite0", "weights": DIGEST, "input": "192x128", "units": 7}
    first = about("cnn", LITE, inputs=known)
    assert first.inputs.features == {"inputs": told} and first.inputs.units == {"units": 7}
    # Another option of the model leaves them, another encoder, size or file of weights does not.
    assert replace(first, config=replace(LITE, dense_dropout=0.1)).inputs == first.inputs
    for other in ({"width": 96}, {"backbone_weights": "mine.pth"}, {"backbone": "MobileNet"}, {"backbone": "none"}):
        assert replace(first, config=replace(LITE, **other)).inputs.features == {}
    tuned = replace(first, config=replace(LITE, trainable_blocks=2))
    assert tuned.inputs.digests == (DIGEST,) and tuned.inputs.features == {} and tuned.inputs.units == {}


def test_a_checkpoint_s_inputs_never_lag_behind_its_options() -> None:
    first = about("lstm", OverviewLSTM(vocabulary_size=100))
    cut = replace(first, config=replace(first.config, vocabulary_size=40, max_tokens=8))
    one = cut.inputs.by_length
    assert one and (one.num_token_ids, one.max_tokens) == (40, 8)


@pytest.mark.parametrize("config", [FusionGMU(), JOINT])
def test_json_and_back(config: FusionGMU) -> None:
    inputs = spec("fusion", config)
    for name in ("poster", "tokens") if config is JOINT else ():
        inputs = inputs.with_input(inputs[name].with_digest(DIGEST).with_units(5))
    told = json.loads(json.dumps(inputs.to_json()))
    assert InputSpec.from_json(told) == inputs
    assert [one["shape"] for one in told] == ([[2, 5], [None, 5]] if config is JOINT else [[64, 64, 3], [None]])


def test_films_are_batched_by_one_length_alone() -> None:
    one = only("lstm", OverviewLSTM())
    with pytest.raises(ValueError, match="the length of one input"):
        InputSpec((one, replace(one, name="title")))
