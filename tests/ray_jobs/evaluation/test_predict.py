"""Predicting several splits through one pool of actors: every film its own scores, the model loaded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from datasets.sample.films import write_sample
from datasets.store.film_store import Store, poster_array
from datasets.store.prepare import Preparation, prepare
from datasets.text.vocabulary import Vocabulary
from genre_models import checkpoint as checkpoints
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY
from genre_models.training.recipe import Recipe

pytestmark = pytest.mark.cluster
CONFIGS: dict[str, Any] = {
    "cnn": PosterCNN(height=16, width=16, stem_filters=2, block_filters=(4,), dense_units=8, dense_layers=1),
    "lstm": OverviewLSTM(
        vocabulary_size=200, max_tokens=40, embedding_units=8, first_lstm_units=4, second_lstm_units=0, dense_units=0
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Store:
    """Return a store of 150 synthetic films: more than a piece, and no multiple of it."""
    del local_ray
    folder = tmp_path_factory.mktemp("predict")
    write_sample(str(folder / "films"), films=150, seed=0, progress=lambda _: None)
    how = Preparation(16, 16, shares={"train": 0.1, "validation": 0.3, "test": 0.6})
    prepare(str(folder / "films"), str(folder / "store"), how, lambda *_: None)
    return Store.open(str(folder / "store"))


def saved(kind: str, store: Store, folder: Path) -> Path:
    """Save a model that was never trained."""
    words = (
        Vocabulary.from_counts(store.word_counts(), size=200).tokens if REGISTRY[kind].modality == "overview" else ()
    )
    metadata = checkpoints.Checkpoint(
        kind, store.manifest.genres, CONFIGS[kind], Recipe(), {"films": store.manifest.films}, vocabulary=words
    )
    model = REGISTRY[kind].build(CONFIGS[kind], genres=len(metadata.genres))
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).normal(0, 0.5, weight.shape))  # films must differ in their scores
    checkpoints.save(folder, metadata, model)
    return folder


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_each_film_of_each_split_gets_the_model_s_own_scores(kind: str, store: Store, tmp_path: Path) -> None:
    """One by one, unbatched and unpadded, the model says the same; films and splits are not mixed up."""
    from ray_jobs.evaluation.predict import predict_splits

    folder = saved(kind, store, tmp_path / "run" / "epoch-001")
    told_done: list[int] = []
    splits = ("test", "validation", "test")
    inputs = REGISTRY[kind].inputs(CONFIGS[kind])
    told = predict_splits([(store, split) for split in splits], str(folder), inputs=inputs, progress=told_done.append)
    assert [len(scores) for scores in told] == [store.manifest.films[split] for split in splits]
    assert told[2] == pytest.approx(told[0], abs=1e-6)  # in other pieces, so but for rounding
    assert told_done == sorted(told_done)
    model, metadata = checkpoints.load_model(folder), checkpoints.read(folder)
    for split, scores in zip(splits[:2], told, strict=False):
        table = store.table(split, ["poster", "overview"])
        posters = poster_array(table["poster"], store.manifest.poster_shape)
        ids, lengths = Vocabulary(metadata.vocabulary).encode(table["overview"].to_pylist(), max_tokens=40)
        for film in range(0, len(scores), 7):
            inputs = (
                ids[film : film + 1, : lengths[film]]
                if REGISTRY[kind].modality == "overview"
                else posters[film : film + 1]
            )
            assert scores[film] == pytest.approx(np.asarray(model(inputs))[0], abs=1e-5)
        assert np.ptp(scores, axis=0).max() > 0.01


def test_batches_in_any_order_are_put_in_the_store_s(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray_jobs.evaluation import predict

    splits = ("test", "validation")
    rows = [store.table(split, ["row"])["row"].to_numpy() for split in splits]
    part, row = np.repeat([0, 1], [len(one) for one in rows]), np.concatenate(rows)
    shuffled = np.random.default_rng(0).permutation(len(row))
    film = 1_000.0 * part + row  # each film's score names it

    def answers(*_: Any, **__: Any) -> Any:
        for some in np.array_split(shuffled, 5):
            yield {"part": part[some], "row": row[some], "scores": film[some, None]}

    monkeypatch.setattr(predict, "scored", answers)
    inputs = REGISTRY["cnn"].inputs(CONFIGS["cnn"])
    asked = [(store, split) for split in splits]
    scores = predict.predict_splits(asked, "", inputs=inputs)
    for number, (got, wanted) in enumerate(zip(scores, rows, strict=True)):
        assert got[:, 0].tolist() == (1_000.0 * number + wanted).tolist()
    for place in (0, -1):  # in either split a film that was never sent comes back in another's place
        sent, row[place] = row[place], -1
        with pytest.raises(RuntimeError, match="were sent"):
            predict.predict_splits(asked, "", inputs=inputs)
        row[place] = sent


def test_predictor_takes_films_without_a_part(store: Store, tmp_path: Path) -> None:
    from ray_jobs.evaluation.predict import PIECE, Predictor

    posted: list[int] = []

    class ProgressChannel:
        """Stands in for the channel's actor."""

        class send:  # noqa: N801
            """Keeps what is posted."""

            remote = staticmethod(posted.append)

    folder = saved("cnn", store, tmp_path / "run" / "epoch-001")
    predictor = Predictor(str(folder), store.manifest.poster_shape, ProgressChannel())
    films = store.table("test", ["row", "poster"])
    assert len(films) > PIECE
    told = predictor(films)
    assert set(told) == {"row", "scores"}
    assert told["row"].tolist() == films["row"].to_pylist()
    assert posted[0] <= PIECE, "the first piece is told at once"
    assert len(predictor(films.slice(0, 0))["scores"]) == 0
    one = predictor(pa.table({name: films[name].slice(5, 1) for name in films.column_names}))
    assert one["scores"][0] == pytest.approx(told["scores"][5], abs=1e-6)
