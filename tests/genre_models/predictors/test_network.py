"""A checkpoint on films: the scores are its Keras model's own, one film at a time, and either input may be missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import genre_models as gm
from datasets.text.vocabulary import Vocabulary
from genre_models.checkpoint import CheckpointError
from genre_models.models.registry import REGISTRY
from genre_models.predictors import encode_films, network
from genre_models.predictors.films import read_films
from genre_models.predictors.load import read_info
from genre_models.predictors.network import NetworkPredictor
from tests.genre_models.predictors.tiny_models import CONFIGS, GENRES, OVERVIEWS, SIZE, WORDS, posters, save

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

FILMS = len(OVERVIEWS)


def ids_of(overview: str) -> np.ndarray:
    """Token ids of one film, unpadded."""
    ids, lengths = Vocabulary(WORDS, tokenizer="words").encode([overview], max_tokens=9)
    return ids[:, : lengths[0]]


def scores(folder: Path, pictures: Any, texts: Any, piece: int = 2) -> np.ndarray:
    """Scores of a checkpoint in pieces of two films."""
    predictor = NetworkPredictor(folder, piece=piece)
    films, unusable = read_films(pictures, texts, sizes=predictor.info.poster_sizes)
    assert unusable == {}
    return predictor.scores(films)


def test_posters(tmp_path: Path) -> None:
    model, pixels = save("cnn", tmp_path), posters(FILMS)
    found = scores(tmp_path, list(pixels), [None] * FILMS)
    wanted = np.concatenate([np.asarray(model(film[None])) for film in pixels])
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-6)
    assert np.ptp(found, axis=0).max() > 0.01
    assert np.isnan(scores(tmp_path, [None, pixels[0]], [OVERVIEWS[0]] * 2)).all(axis=1).tolist() == [True, False]


def test_overviews(tmp_path: Path) -> None:
    model = save("lstm", tmp_path)
    found = scores(tmp_path, [None] * FILMS, OVERVIEWS)
    wanted = np.concatenate([np.asarray(model(ids_of(overview))) for overview in OVERVIEWS])
    assert found == pytest.approx(wanted, abs=1e-6)
    assert np.ptp(found, axis=0).max() > 0.01
    assert np.isnan(scores(tmp_path, [None] * 2, [OVERVIEWS[0], ""])).all(axis=1).tolist() == [False, True]


def test_joint_model_without_one_of_the_two(tmp_path: Path) -> None:
    """A missing poster is black, a missing overview an unknown word: the model has vectors of its own for them."""
    model, pixels = save("fusion", tmp_path), posters(3)
    pictures, texts = [pixels[0], None, pixels[2], None], [*OVERVIEWS[:2], None, ""]
    found = scores(tmp_path, pictures, texts)
    black, unknown = np.zeros_like(pixels[:1]), np.array([[1]])
    for film, poster, tokens in (
        (0, pixels[:1], ids_of(OVERVIEWS[0])),
        (1, black, ids_of(OVERVIEWS[1])),
        (2, pixels[2:3], unknown),
    ):
        assert found[film] == pytest.approx(np.asarray(model({"poster": poster, "tokens": tokens}))[0], abs=1e-6)
    assert np.isnan(found[3]).all()


def test_joint_model_that_never_lacked_an_input_needs_both(tmp_path: Path) -> None:
    save("fusion", tmp_path, config=replace(CONFIGS["fusion"], modality_dropout=0.0))
    info = read_info(tmp_path)
    assert info.scorable == {(True, True)}
    assert (info.why_not(True, False), info.why_not(False, True)) == ("no overview", "no poster")


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_description_needs_no_weights(kind: str, tmp_path: Path) -> None:
    save(kind, tmp_path)
    (tmp_path / "model.keras").unlink()
    info = read_info(tmp_path)
    assert (info.genres, info.thresholds.tolist()) == (GENRES, [0.25, 1 / 3, 0.5])
    assert info.poster_sizes == (set() if kind == "lstm" else {SIZE})
    assert info.uses_overview == (kind != "cnn")


def test_no_films_at_all(tmp_path: Path) -> None:
    save("cnn", tmp_path)
    assert scores(tmp_path, [], []).shape == (0, len(GENRES))


# -- frozen encoders --------------------------------------------------------------------------------------------------


class StandIn:
    """Stands in for encoders: of a poster the mean colour, of an overview a vector a word."""

    def digest(self, _: Any) -> str:
        return "abc"

    @staticmethod
    def poster(backbone: Any) -> encode_films.Encode:
        return encode_films.views_of(lambda seen: seen.mean(axis=(1, 2)) / 255, backbone)

    @staticmethod
    def overview(_: Any) -> encode_films.Encode:
        def encode(films: pa.Table, __: Any) -> list[np.ndarray]:
            texts = films["overview"].to_pylist()
            return [
                np.array([[len(word), 1, 0] for word in ["[CLS]", *text.split(), "[SEP]"]], float) for text in texts
            ]

        return encode


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "encoder_of", lambda _: StandIn())
    monkeypatch.setitem(encode_films.LOADERS, "poster", StandIn.poster)
    monkeypatch.setitem(encode_films.LOADERS, "overview", StandIn.overview)


def save_on_features(kind: str, folder: Path, **changes: Any) -> Any:
    """Save a checkpoint whose inputs are features of three units, of posters of a store of 8 by 6 pixels."""
    options = {
        "cnn": {"backbone": "efficientnet-lite0", "height": 16, "width": 12},
        "lstm": {"backbone": "minilm"},
        "fusion": {"poster_backbone": "efficientnet-lite0", "overview_backbone": "minilm", "height": 16, "width": 12,
                   "augmentation": 0.0},
    }[kind]  # fmt: skip
    config = replace(CONFIGS[kind], **options)
    inputs = REGISTRY[kind].inputs(config)
    for one in inputs.frozen:
        inputs = inputs.with_input(one.with_digest("abc").with_units(3))
    store = {"fingerprint": "films", "path": "/films", "films": {}, "poster": {"height": 8, "width": 6}}
    return save(kind, folder, config=config, inputs=inputs, vocabulary=(), store=store, seed=1, **changes)


def features_by_hand(pixels: np.ndarray, overview: str) -> tuple[np.ndarray, np.ndarray]:
    """A film's features, float16 [1, 2, 3] and [1, tokens, 3]: enlarging leaves the mean of a plain poster as it is."""
    colour = (pixels.reshape(-1, 3).mean(axis=0) / 255).astype(np.float16)
    words = [[len(word), 1, 0] for word in ["[CLS]", *overview.split(), "[SEP]"]][:9]
    return np.array([[colour, colour]]), np.array([words], np.float16)


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_features_of_frozen_encoders_are_made_on_the_way(kind: str, tmp_path: Path, stand_in: None) -> None:
    del stand_in
    model = save_on_features(kind, tmp_path)
    plain = np.array([[200, 30, 90], [5, 120, 250], [90, 91, 92]], np.uint8)
    pictures = [np.tile(colour, (8, 6, 1)) for colour in plain]
    found = scores(tmp_path, pictures, OVERVIEWS[:3])
    for film, picture in enumerate(pictures):
        views, states = features_by_hand(picture, OVERVIEWS[film])
        inputs = {"cnn": views, "fusion": {"poster": views, "tokens": states}}[kind]
        assert found[film] == pytest.approx(np.asarray(model(inputs))[0], abs=2e-4)
    assert np.ptp(found, axis=0).max() > 0.001


def test_frozen_encoders_are_explained_by_occlusion(tmp_path: Path, stand_in: None) -> None:
    """A word's contribution is what the film's logit loses without it; half of the poster is of another colour."""
    del stand_in
    save_on_features("fusion", tmp_path)
    model, picture = gm.load(tmp_path), np.full((8, 6, 3), 20, np.uint8)
    picture[:4] = 250
    [[why]] = model.explain([picture], ["the spaceship returns"], genres=["Action"])
    shorter = ["the spaceship returns", "spaceship returns", "the returns", "the spaceship"]
    scores = model.predict([picture] * 4, shorter)["Action"].to_numpy(np.float64)
    logits = np.log(scores / (1 - scores))
    assert [word for word, _ in why.words] == shorter[0].split()
    assert [contribution for _, contribution in why.words] == pytest.approx(logits[0] - logits[1:], abs=1e-5)
    assert np.ptp(logits) > 1e-3 and why.probability == pytest.approx(scores[0], abs=1e-6)
    assert why.heat is not None and why.heat.shape == (8, 8) and why.heat.max() == 1
    # Covering bright regions takes the mean down, dark ones up: only one of them speaks for the genre.
    assert (why.heat[:3].max() == 0) != (why.heat[5:].max() == 0)
    assert why.poster_share is not None and 0 < why.poster_share < 1


def test_posters_for_a_frozen_encoder_have_the_size_of_the_store(tmp_path: Path) -> None:
    """It enlarged the store's posters in training: of larger ones it would see more."""
    save_on_features("cnn", tmp_path)
    assert read_info(tmp_path).poster_sizes == {SIZE}


def test_encoder_with_other_weights_is_refused(tmp_path: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del stand_in
    save_on_features("lstm", tmp_path)
    monkeypatch.setattr(StandIn, "digest", lambda *_: "another")
    with pytest.raises(CheckpointError, match=r"weights abc…, and those of this installation are another"):
        NetworkPredictor(tmp_path)


def test_encoder_that_is_not_installed_is_named(
    tmp_path: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del stand_in
    save_on_features("lstm", tmp_path)

    def missing(*_: Any) -> str:
        raise FileNotFoundError("MiniLM is not installed")

    monkeypatch.setattr(StandIn, "digest", missing)
    with pytest.raises(CheckpointError, match="needs the encoder minilm: MiniLM is not installed"):
        NetworkPredictor(tmp_path)
