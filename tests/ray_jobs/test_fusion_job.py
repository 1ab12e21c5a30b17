"""The joint model by the commands a user types, on a tiny sample: trained, gone on with, searched, predicted with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.store.film_store import Store, poster_array
from datasets.text.vocabulary import Vocabulary
from genre_models import checkpoint as checkpoints
from genre_models.models.fusion_gmu import SEARCH_SPACE
from genre_models.models.search_space import values_of
from genre_models.training.history import from_csv
from ray_jobs.runs.sweep_folder import SweepFolder
from tests.conftest import RunJob

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
SMALL = (
    "--stem-filters", 4, "--block-filters", 8, "--poster-units", 8, "--vocabulary-size", 300,
    "--embedding-units", 8, "--lstm-units", 4, "--fusion-units", 8,
    "--schedule", "constant",  # the cosine's second epoch depends on how many there are
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, sample_store: Path, run_job: RunJob) -> Path:
    """Train once; return the runs folder."""
    runs = tmp_path_factory.mktemp("fusion")
    run_job("train_fusion", "--store", sample_store, "--runs", runs, "--name", "joint", "--epochs", 2, *SMALL)
    return runs


def test_a_run_leaves_a_whole_checkpoint(runs: Path) -> None:
    history = from_csv((runs / "joint" / "history.csv").read_text())
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert history[1].loss < history[0].loss
    metadata = checkpoints.read(max((runs / "joint").glob("epoch-*")))
    assert metadata.kind == "fusion"
    assert 100 < len(metadata.vocabulary) <= 298
    assert len(metadata.thresholds) == len(metadata.genres) == 25


def test_predict_gives_each_film_the_model_s_own_scores(runs: Path, sample_store: Path, local_ray: None) -> None:
    """In the store's order, and as one film at a time gives them: poster, overview and row belong together."""
    del local_ray
    from ray_jobs.evaluation.predict import predict_splits

    folder = max((runs / "joint").glob("epoch-*"))
    store = Store.open(str(sample_store))
    (told,) = predict_splits([(store, "test")], str(folder), inputs=checkpoints.read(folder).inputs)
    metadata, model = checkpoints.read(folder), checkpoints.load_model(folder)
    table = store.table("test", ["overview", "poster"])
    posters = poster_array(table["poster"], store.manifest.poster_shape)
    vocabulary = Vocabulary(metadata.vocabulary, tokenizer=metadata.config.tokenizer)
    ids, lengths = vocabulary.encode(table["overview"].to_pylist(), max_tokens=128)
    for film in range(0, len(ids), 7):
        inputs = {"poster": posters[film : film + 1], "tokens": ids[film : film + 1, : lengths[film]]}
        assert told[film] == pytest.approx(np.asarray(model(inputs))[0], abs=1e-5)
    assert np.ptp(told, axis=0).max() > 1e-4


def test_a_sweep_narrows_vocabulary_and_length_for_each_trial(
    sample_store: Path, tmp_path: Path, run_job: RunJob
) -> None:
    run_job(
        "tune_fusion", "--store", sample_store, "--runs", tmp_path, "--name", "sweep", "--trials", 2,
        "--epochs", 1, *SMALL, "--max-concurrent", 1, "--vary", "max_tokens: [16, 32]", "vocabulary_size: [200, 300]",
    )  # fmt: skip
    trials = SweepFolder(str(tmp_path), "sweep").trials()
    assert [trial.status for trial in trials] == ["finished"] * 2
    for trial in trials:
        (kept,) = (tmp_path / "sweep" / f"trial-{trial.number:03d}").glob("epoch-*")
        metadata = checkpoints.read(kept)
        assert metadata.config.max_tokens == trial.settings["max_tokens"]
        assert len(metadata.vocabulary) <= metadata.config.vocabulary_size - 2
    refused = run_job(
        "tune_fusion", "--store", sample_store, "--runs", tmp_path, "--vary", "tokenizer: [split, words]",
        fails=True,
    )  # fmt: skip
    assert "tokenizer cannot be searched" in refused.stderr
    assert "kind: fusion" in (tmp_path / "sweep" / "best_config.yaml").read_text()


def test_posters_of_another_size_are_refused(sample_store: Path, tmp_path: Path, run_job: RunJob) -> None:
    said = run_job("train_fusion", "--store", sample_store, "--runs", tmp_path, "--height", 32, fails=True)
    assert "--height 64 --width 64" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_sweep_starts_within_its_space() -> None:
    from ray_jobs.tune_fusion import Options

    recipe, model = Options().recipe, Options().model
    start = values_of(SEARCH_SPACE, recipe, model)
    assert [name for name, setting in SEARCH_SPACE.items() if not setting.contains(start[name])] == []
