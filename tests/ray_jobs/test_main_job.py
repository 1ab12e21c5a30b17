"""The whole main job on a tiny sample, by the commands a user types: prepare, train both, evaluate, go on, go wrong."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

import genre_models as gm
from datasets.store.film_store import Store, poster_array
from genre_models import checkpoint as checkpoints
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.thresholds import tune_thresholds
from genre_models.predictors.find import find_model
from genre_models.training.history import from_csv
from tests.conftest import RunJob

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
CNN = ("--stem-filters", 4, "--block-filters", 8, "--dense-units", 16, "--learning-rate", 1e-3)
LSTM = ("--vocabulary-size", 300, "--embedding-units", 8, "--first-lstm-units", 8, "--second-lstm-units", 8)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sample_store: Path, run_job: RunJob, run_command: RunJob) -> Path:
    """Run the commands after `prepare_data` once, the last as a user does."""
    home = tmp_path_factory.mktemp("main-job")
    for folder in sample_store.parent.iterdir():  # the store, and the films it was made of
        shutil.copytree(folder, home / folder.name)
    store, runs = ("--store", home / "store"), ("--runs", home / "runs")
    run_job("train_cnn", *store, *runs, "--name", "cnn", "--epochs", 2, *CNN)
    run_job("train_lstm", *store, *runs, "--name", "lstm", "--epochs", 2, *LSTM)
    run_command("evaluate", *store, *runs, "--report", home / "report", "--resamples", 100)
    return home


def comparison(folder: Path) -> dict:
    return json.loads((folder / "comparison.json").read_text())


def test_the_report_holds_what_it_promises(home: Path) -> None:
    told = comparison(home / "report")
    assert list(told["models"]) == ["cnn", "lstm", "ensemble", "prior", "tfidf"]
    assert told["models"]["ensemble"]["fused"]["weights"].keys() >= {"cnn", "lstm"}
    assert {split: told["films"][split] for split in ("train", "validation", "test")} == {
        "train": 140,
        "validation": 20,
        "test": 40,
    }
    for model in told["models"].values():
        metrics = model["metrics"]
        for name in ("loss", "mean_average_precision", "micro_average_precision", "top3_recall"):
            assert 0 <= metrics[name] <= 2
        for at in ("at_half", "at_tuned"):
            assert metrics[at].keys() == {"precision", "recall", "micro_f1", "macro_f1", "samples_f1"}
        assert list(model["per_genre"]) == told["genres"]
    assert len(told["models"]["cnn"]["history"]) == 2
    assert told["verdict"]
    page = (home / "report" / "comparison.html").read_text()
    assert "<html" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert len(told["example_films"]) == 12
    assert told["drawn_sample"] and "Invented films" in page
    assert len(told["film_findings"]) == 40 and set(told["genre_details"]["models"]) == set(told["models"])
    with (home / "report" / "scores.csv").open(newline="") as stream:
        assert sum(1 for _ in stream) == 1 + 40 * (1 + 5)
    assert (home / "report" / "comparison.md").stat().st_size > 1000


def test_the_runs_are_listed_as_done_and_say_how_they_were_made(home: Path, run_job: RunJob) -> None:
    listed = json.loads(run_job("status", "--runs", home / "runs", "--json").stdout)
    assert [(run["name"], run["model"], run["state"], run["done"], run["of"]) for run in listed] == [
        ("cnn", "cnn", "done", 2, 2),
        ("lstm", "lstm", "done", 2, 2),
    ]
    for run in listed:
        history = from_csv((home / "runs" / run["name"] / "history.csv").read_text())
        assert run["best"] == min(epoch.validation_loss for epoch in history)
        (launch,) = json.loads((home / "runs" / run["name"] / "run.json").read_text())["launches"]
        assert launch["resources"]["workers"] == 1 and launch["resources"]["cluster"]["nodes"] == 1
        assert launch["outcome"] == "done" and launch["metric"] == "validation_loss" and launch["seed"] == 0


def test_the_report_s_prior_agrees_with_scikit_learn(home: Path) -> None:
    told = comparison(home / "report")["models"]["prior"]["metrics"]
    store = Store.open(str(home / "store"))
    labels = store.labels("test")
    scores = np.tile(store.labels("train").mean(axis=0, dtype=np.float64), (len(labels), 1))
    present = labels.sum(axis=0) > 0
    wanted = average_precision_score(labels[:, present], scores[:, present], average="macro")
    assert told["mean_average_precision"] == pytest.approx(wanted, abs=1e-6)
    assert told["micro_average_precision"] == pytest.approx(
        average_precision_score(labels, scores, average="micro"), abs=1e-6
    )


def scores_of_saved(model: Path, store: Store) -> np.ndarray:
    """Scores of the test films by a model that the evaluation wrote, from posters and overviews."""
    table = store.table("test", ["poster", "overview"])
    posters = poster_array(table["poster"], store.manifest.poster_shape)
    return gm.load(model).predict(list(posters), table["overview"].to_pylist()).to_numpy()


def require_as_evaluated(report: Path, key: str, store: Store) -> None:
    """The scores of a saved model are those that were evaluated: of the films shown, and by the loss of all."""
    told, scores = comparison(report), scores_of_saved(report / "models" / key, store)
    ids = store.table("test", ["id"])["id"].to_pylist()
    shown = [film for film in told["example_films"] if film["id"] in ids]
    assert len(shown) == 12
    for film in shown:
        for genre, probability in film["top3"][key]:
            assert scores[ids.index(film["id"]), told["genres"].index(genre)] == pytest.approx(probability, abs=1e-5)
    labels = store.labels("test")
    loss = -np.mean(np.log(np.where(labels > 0, scores, 1 - scores)))
    assert loss == pytest.approx(told["models"][key]["metrics"]["loss"], abs=1e-5)


def test_the_ensemble_and_tfidf_are_models_that_score_as_they_were_evaluated(home: Path) -> None:
    store = Store.open(str(home / "store"))
    for key in ("ensemble", "tfidf"):
        require_as_evaluated(home / "report", key, store)
    # All that it needs is in its folder, and the runs folder leads to it.
    assert not [path for path in (home / "report" / "models").rglob("training_state.npz")]
    assert Path(find_model(str(home / "runs"))).samefile(home / "report" / "models" / "ensemble")


def test_films_are_predicted_by_the_runs_folder(home: Path, tmp_path: Path, run_job: RunJob) -> None:
    """The sample's labels are ignored, and its test films get the scores that the evaluation had."""
    films = next(home.glob("store-sample-*"))
    said = run_job("predict", "--model", home / "runs", "--films", films, "--out", tmp_path / "out.csv")
    assert "200 films predicted" in said.stdout
    store = Store.open(str(home / "store"))
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    scores = scores_of_saved(home / "report" / "models" / "ensemble", store)
    for film, wanted in zip(store.table("test", ["id"])["id"].to_pylist(), scores, strict=True):
        assert [float(rows[film][genre]) for genre in store.manifest.genres] == pytest.approx(wanted.tolist(), abs=1e-5)
    one = next(films.glob("Images/*.jpg"))
    bars = run_job("predict", "--model", home / "runs", "--poster", one, "--overview", "A spaceship.")
    assert bars.stdout.count("%") >= 5
    refused = run_job("predict", "--model", tmp_path, "--overview", "A spaceship.", fails=True)
    assert "is no checkpoint" in refused.stderr
    assert "give --films" in run_job("predict", "--model", home / "runs", fails=True).stderr


def test_thresholds_are_tuned_on_the_validation_films_alone(home: Path) -> None:
    """Of a checkpoint by its model's own scores, of the baselines by the F1 that they have with them on test films."""
    store, told = Store.open(str(home / "store")), comparison(home / "report")["models"]
    labels = {split: store.labels(split) for split in ("train", "validation", "test")}
    best = told["cnn"]["checkpoint"]
    posters = poster_array(store.table("validation", ["poster"])["poster"], store.manifest.poster_shape)
    scores = np.asarray(checkpoints.load_model(Path(best)).predict_on_batch(posters))
    assert checkpoints.read(Path(best)).thresholds == pytest.approx(tune_thresholds(labels["validation"], scores))

    overviews = {split: store.table(split, ["overview"])["overview"].to_pylist() for split in labels}
    tfidf = TfidfBaseline(overviews["train"], labels["train"])
    shares = labels["train"].mean(axis=0, dtype=np.float64)
    for key, score in (
        ("prior", lambda split: np.tile(shares, (len(labels[split]), 1))),
        ("tfidf", lambda split: tfidf.scores(overviews[split])),
    ):
        told_f1 = told[key]["metrics"]["at_tuned"]["micro_f1"]
        f1 = {
            split: f1_score(
                labels["test"], score("test") >= tune_thresholds(labels[split], score(split)), average="micro"
            )
            for split in ("validation", "test")
        }
        assert told_f1 == pytest.approx(f1["validation"], abs=1e-6)
        assert f1["test"] != pytest.approx(f1["validation"], abs=1e-6), "these films cannot tell the two apart"


def test_a_run_leaves_history_tensorboard_and_a_whole_checkpoint(home: Path) -> None:
    run = home / "runs" / "lstm"
    history = from_csv((run / "history.csv").read_text())
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert list((run / "tensorboard").glob("validation/events.out.tfevents.*"))
    best = min(run.glob("epoch-*"), key=lambda folder: checkpoints.read(folder).metrics.validation_loss)
    metadata = checkpoints.read(best)
    assert len(metadata.vocabulary) > 100
    assert len(metadata.thresholds) == len(metadata.genres) == 25
    assert metadata.versions.keys() >= {"ray", "tensorflow", "keras"}


def test_the_same_seed_gives_the_same_curves_and_resuming_goes_on_from_them(
    home: Path, tmp_path: Path, run_job: RunJob
) -> None:
    common = ("--store", home / "store", "--runs", tmp_path, "--name", "again", *CNN)
    done = run_job("train_cnn", *common, "--epochs", 1)
    assert "Best epoch 1 of 1" in done.stdout
    refused = run_job("train_cnn", *common, "--epochs", 2, fails=True)
    assert "--resume" in refused.stderr
    otherwise = run_job("train_cnn", *common, "--epochs", 2, "--resume", "--dense-dropout", 0.1, fails=True)
    assert "dense_dropout 0.5 -> 0.1" in otherwise.stderr
    run_job("train_cnn", *common, "--epochs", 2, "--resume")
    resumed = from_csv((tmp_path / "again" / "history.csv").read_text())
    straight = from_csv((home / "runs" / "cnn" / "history.csv").read_text())
    assert [e.epoch for e in resumed] == [1, 2]
    for ours, theirs in zip(resumed, straight, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-5)


def test_moved_checkpoints_evaluate_a_folder_of_other_films(home: Path, tmp_path: Path, run_job: RunJob) -> None:
    for kind in ("cnn", "lstm"):
        best = next((home / "runs" / kind).glob("epoch-*"))
        shutil.copytree(best, tmp_path / kind)
    run_job("prepare_data", "--store", tmp_path / "other", "--sample-films", 60, "--seed", 5)
    films = next(tmp_path.glob("other-sample-*"))
    with next(films.glob("Images/*.jpg")).open("wb") as poster:
        poster.write(b"not a picture")
    said = run_job(
        "evaluate", "--store", home / "store", "--cnn", tmp_path / "cnn", "--lstm", tmp_path / "lstm",
        "--films", films, "--report", tmp_path / "report", "--resamples", 100,
    )  # fmt: skip
    assert "poster not a picture" in said.stdout
    told = comparison(tmp_path / "report")
    assert told["films"]["evaluated"] == 59
    assert told["evaluated_rejects"] == {"poster not a picture": 1}
    assert told["seen_in_training"] == 0
    assert sorted(child.name for child in (tmp_path / "report").iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.md",
        "models",
        "scores.csv",
    ]


def test_a_model_of_another_store_may_not_be_evaluated_on_its_test_films(
    home: Path, tmp_path: Path, run_job: RunJob
) -> None:
    run_job("prepare_data", "--store", tmp_path / "store", "--films", home / "store-sample-200-seed-0", "--seed", 9)
    checkpoint = next((home / "runs" / "cnn").glob("epoch-*"))
    said = run_job("evaluate", "--store", tmp_path / "store", "--cnn", checkpoint, "--runs", tmp_path, fails=True)
    assert "was trained on another store" in said.stderr
    none = run_job("evaluate", "--store", tmp_path / "store", "--runs", home / "runs", fails=True)
    assert "2 trained on other films are there" in none.stderr


def test_several_runs_are_averaged_and_probabilities_calibrated(home: Path, tmp_path: Path, run_job: RunJob) -> None:
    """Two copies of one run are averaged: all that needs no threshold stays, but for the loss, which calibration sees
    to."""
    store = ("--store", home / "store", "--runs", tmp_path, "--report", tmp_path / "report", "--resamples", 100)
    for copy in ("one", "two"):
        shutil.copytree(home / "runs" / "cnn", tmp_path / copy)
    beside = ("--reference", home / "runs" / "lstm")
    said = run_job("evaluate", *store, "--cnn", tmp_path / "one", tmp_path / "two", "--calibrate", *beside)
    assert "No ensemble: it takes two kinds of model" in said.stdout
    told, before = comparison(tmp_path / "report")["models"], comparison(home / "report")["models"]
    assert list(told) == ["cnn", "prior", "tfidf"]
    assert [run["name"] for run in told["cnn"]["runs"]] == ["one", "two"]
    for run in told["cnn"]["runs"]:
        assert run["loss"] == pytest.approx(before["cnn"]["metrics"]["loss"])
        assert run["micro_f1"] == pytest.approx(before["cnn"]["metrics"]["at_tuned"]["micro_f1"])
    for key in ("cnn", "tfidf"):
        require_as_evaluated(tmp_path / "report", key, Store.open(str(home / "store")))
        for genre, entry in before[key]["per_genre"].items():
            kept = told[key]["per_genre"][genre]["average_precision"]
            assert kept == (None if entry["average_precision"] is None else pytest.approx(entry["average_precision"]))
        assert told[key]["metrics"]["loss"] != pytest.approx(before[key]["metrics"]["loss"], abs=1e-6)
    assert told["prior"]["metrics"] == before["prior"]["metrics"]
    (other,) = comparison(tmp_path / "report")["reference_runs"]
    lstm = before["lstm"]["metrics"]["mean_average_precision"]
    assert (other["kind"], other["against"], other["run"]) == ("lstm", "cnn", "lstm")
    assert other["figures"]["mean_average_precision"] == pytest.approx(lstm)
    lead = before["cnn"]["metrics"]["mean_average_precision"] - lstm
    assert other["differences"]["mean_average_precision"]["difference"] == pytest.approx(lead)
    twice = run_job("evaluate", *store, "--cnn", tmp_path / "one", tmp_path / "one", fails=True)
    assert "is named twice" in twice.stderr


@pytest.mark.parametrize(
    ("job", "options", "message"),
    [
        ("train_cnn", ("--workers", 64), r"asked for 64 workers"),
        ("train_cnn", ("--use-gpu",), r"the cluster has \d+ CPUs and 0 GPUs"),
        ("train_cnn", ("--height", 32), r"--height 64 --width 64"),
        ("train_cnn", ("--batch-size", 1, "--workers", 2, "--cpus-per-worker", 0.1), "take at least 2"),
        ("train_lstm", ("--no-such-option", 1), "no-such-option"),
        ("train_lstm", ("--resume", "--name", "never"), "there is no run"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    home: Path, run_job: RunJob, job: str, options: tuple, message: str
) -> None:
    import re

    said = run_job(job, "--store", home / "store", "--runs", home / "runs", *options, fails=True)
    assert re.search(message, said.stderr)
    assert "Traceback" not in said.stderr


def test_an_existing_store_is_kept(home: Path, run_job: RunJob) -> None:
    before = (home / "store" / "manifest.json").read_text()
    said = run_job("prepare_data", "--store", home / "store", fails=True)
    assert "--overwrite" in said.stderr
    assert (home / "store" / "manifest.json").read_text() == before


def test_what_is_no_store_is_never_replaced(tmp_path: Path, run_job: RunJob) -> None:
    (tmp_path / "runs").mkdir()
    said = run_job("prepare_data", "--store", tmp_path, "--overwrite", fails=True)
    assert "is no film store (it has no manifest.json)" in said.stderr
    assert [
        child.name for child in tmp_path.parent.iterdir() if child.name.startswith(f"{tmp_path.name}-sample")
    ] == []  # nor is one drawn
    assert [child.name for child in tmp_path.iterdir()] == ["runs"]


def test_a_folder_without_a_table_ends_with_one_message_and_no_store(tmp_path: Path, run_job: RunJob) -> None:
    (tmp_path / "films" / "Images").mkdir(parents=True)
    said = run_job("prepare_data", "--films", tmp_path / "films", "--store", tmp_path / "store", fails=True)
    assert "there is no table; the folder holds Images/" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "store").exists()
    with (tmp_path / "films" / "IMDB_overview_genres.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["Id", "remark", "Drama"], ["a", "Somebody waits.", 1]])
    said = run_job("prepare_data", "--films", tmp_path / "films", "--store", tmp_path / "store", fails=True)
    assert "name a column with --overview-column or --poster-column (left are remark)" in said.stderr
