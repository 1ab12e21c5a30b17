"""Films without labels through the job: every film once, with the model's own scores, or with a reason."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import genre_models as gm
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import FilmsError
from datasets.sample.films import GENRES, write_sample
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from genre_models.predictors.load import read_info
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.inference import predict_films as predict_room
from ray_jobs.inference.predict_films import Request, predict_films
from ray_jobs.inference.predict_parts import PartPredictor
from ray_jobs.inference.results import Outputs
from ray_jobs.inference.work_folder import WorkFolder, model_digests
from tests.genre_models.predictors.tiny_models import save

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
FILMS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw films; one has no poster, one a broken poster, one no overview and one neither. No labels."""
    folder = tmp_path_factory.mktemp("films")
    write_sample(str(folder / "labelled"), films=FILMS, seed=0, progress=lambda _: None)
    with (folder / "labelled" / "IMDB_overview_genres.csv").open(encoding="utf-8") as file:
        films = [(row["Id"], row["Overview"]) for row in csv.DictReader(file)]
    films[2], films[3] = (films[2][0], ""), (films[3][0], "N/A")
    (folder / "films").mkdir()
    shutil.copytree(folder / "labelled" / "Images", folder / "films" / "Images")
    posters = folder / "films" / "Images"
    (posters / f"{films[0][0]}.jpg").unlink()
    (posters / f"{films[1][0]}.jpg").write_bytes(b"no picture")
    (posters / f"{films[3][0]}.jpg").unlink()
    with (folder / "films" / "films.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "overview"), *films])
    return folder / "films"


def unlabelled(path: Path) -> FilmList:
    return read_films(str(path), ReadOptions(labelled=False))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """Make an ensemble of TF-IDF and a CNN that was never trained."""
    models = tmp_path_factory.mktemp("models")
    films = unlabelled(folder).table
    labels = np.random.default_rng(0).integers(0, 2, (FILMS, len(GENRES)))
    thresholds = np.linspace(0.2, 0.6, len(GENRES))
    tfidf = TfidfBaseline(films["overview"].to_pylist(), labels)
    write_tfidf(models / "tfidf", ModelFolder("tfidf", "TF-IDF", GENRES, thresholds, {}), tfidf.weights)
    save("cnn", models / "cnn", genres=GENRES, thresholds=tuple(thresholds))
    weights = np.array([0.5, 0.5])
    stacking = StackingModel("average", ("cnn", "tfidf"), weights, np.tile([0, *weights], (len(GENRES), 1)))
    members = {"cnn": "members/cnn", "tfidf": "members/tfidf"}
    metadata = ModelFolder("ensemble", "Ensemble", GENRES, thresholds, {}, None, members, stacking)
    write_combination(models / "ensemble", metadata, {key: models / key for key in members})
    return models


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, local_ray: None) -> Iterator[None]:
    """Cut the films into four parts, the last one smaller."""
    del local_ray
    monkeypatch.setattr(predict_room, "films_a_part", lambda _: 17)
    yield


def request_for(folder: Path, model: Path, out: Path, **options: bool) -> Request:
    return Request(str(folder), (str(model),), read_info(model), str(out), max_pixels=10**7, **options)


def predicted(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows), "a film is there twice"
    return {row["id"]: row for row in rows}


def ids(folder: Path) -> list[str]:
    return unlabelled(folder).table["id"].to_pylist()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, folder: Path, models: Path, local_ray: None) -> Path:
    """Predict all films once with the ensemble."""
    del local_ray
    out = tmp_path_factory.mktemp("out") / "predictions"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_room, "films_a_part", lambda _: 17)
        screen = io.StringIO()
        predict_films(request_for(folder, models / "ensemble", out), Console(screen))
    (out / "screen.txt").write_text(screen.getvalue())
    return out


def test_every_film_has_the_model_s_own_scores(results: Path, folder: Path, models: Path) -> None:
    rows, names = predicted(results / "predictions.csv"), ids(folder)
    assert list(rows) == [name for name in names if name != names[3]], "in the order of the films"
    model = gm.load(models / "ensemble")
    films = unlabelled(folder).table
    posters = [path or None for path in films["poster"].to_pylist()]
    wanted = model.predict(posters, films["overview"].to_pylist(), ids=names, errors="coerce")
    for name, row in rows.items():
        probabilities = np.array([float(row[genre]) for genre in GENRES])
        assert probabilities == pytest.approx(wanted.loc[name].to_numpy(), abs=1e-5)
        order = np.argsort(-probabilities, kind="stable")
        assert row["top3"].split("|") == [GENRES[g] for g in order[:3]]
        chosen = {GENRES[g] for g in np.flatnonzero(probabilities >= model.thresholds.to_numpy())}
        assert set(filter(None, row["genres"].split("|"))) == chosen


def test_films_that_lack_something(results: Path, folder: Path) -> None:
    rows, names = predicted(results / "predictions.csv"), ids(folder)
    assert [rows[name]["inputs"] for name in (names[0], names[1], names[2], names[4])] == [
        "overview", "overview", "poster", "poster+overview",
    ]  # fmt: skip
    assert rows[names[0]]["problem"] == ""
    assert rows[names[1]]["problem"].startswith("poster not a picture")
    with (results / "rejects.csv").open(encoding="utf-8") as file:
        rejects = list(csv.DictReader(file))
    assert [tuple(row.values())[:3] for row in rejects] == [(names[3], "5", "neither poster nor overview")]
    screen = (results / "screen.txt").read_text()
    assert "59 films predicted" in screen and "1 film set aside" in screen and "1 film had an unusable" in screen
    assert "Missing: 2 films have no poster and 2 films have no overview" in screen


def test_what_is_left_on_disk(results: Path) -> None:
    assert {path.name for path in results.iterdir()} == {
        "predictions.csv", "predictions.html", "rejects.csv", "screen.txt",
    }  # fmt: skip
    page = (results / "predictions.html").read_text()
    assert "The genres of 59 films" in page
    assert page.count("data:image/jpeg;base64,") == 57


def test_the_page_explains_its_first_films(folder: Path, models: Path, tmp_path: Path) -> None:
    """Those of the first part that are predicted: 16 of 17, of which two have no usable poster."""
    predict_films(request_for(folder, models / "ensemble", tmp_path / "out", explain=True), Console(io.StringIO()))
    page = (tmp_path / "out" / "predictions.html").read_text()
    assert "The first 16 films are explained" in page and page.count('class="note why"') == 16
    assert page.count("The same poster, red where it speaks for") == 14
    assert page.count("data:image/jpeg;base64,") == 57 + 14 and "<mark" in page
    work = WorkFolder(Outputs.at(str(tmp_path / "other")).work)
    digests = model_digests([str(models / "tfidf")])
    work.begin(str(folder), unlabelled(folder), digests, films_a_part=17, explain=True)
    with pytest.raises(TrainError, match="begun with --explain: go on with it"):
        predict_films(request_for(folder, models / "tfidf", tmp_path / "other", resume=True), Console(io.StringIO()))


def test_parquet_of_one_checkpoint(folder: Path, models: Path, tmp_path: Path) -> None:
    """A model of posters alone: films without a usable one are set aside, whatever their overview."""
    predict_films(request_for(folder, models / "cnn", tmp_path / "cnn.parquet"), Console(io.StringIO()))
    table = pq.read_table(tmp_path / "cnn.parquet")
    names = ids(folder)
    assert table["id"].to_pylist() == [names[2], *names[4:]]
    assert table.column_names == ["id", *GENRES, "genres", "top3", "inputs", "problem"]
    assert set(map(len, table["top3"].to_pylist())) == {3}
    with (tmp_path / "cnn.rejects.csv").open(encoding="utf-8") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == [
            "no poster", "poster not a picture", "no poster",
        ]  # fmt: skip


def test_killed_it_goes_on_and_writes_no_film_twice(folder: Path, models: Path, tmp_path: Path) -> None:
    """Two of four parts are there; one is marked, to see that it is not predicted again."""
    out, model = tmp_path / "out", models / "tfidf"
    work = WorkFolder(Outputs.at(str(out)).work)
    work.begin(str(folder), unlabelled(folder), model_digests([str(model)]), films_a_part=17)
    options = {"source": str(folder), "max_pixels": 10**7, "threads": 1}
    PartPredictor(work.path, [0, 2], [str(model)], None, **options)({"id": np.array([0, 1])})
    assert work.done() == {0, 2}
    marked = work.scores(2)
    work.write_scores(2, marked.set_column(marked.schema.get_field_index("problem"), "problem", [["marked"] * 17]))
    with pytest.raises(TrainError, match="--resume"):
        predict_films(request_for(folder, model, out), Console(io.StringIO()))
    screen = io.StringIO()
    summary = predict_films(request_for(folder, model, out, resume=True), Console(screen))
    assert summary is not None and summary.films == FILMS - 2
    assert "2 of 4 parts are predicted" in screen.getvalue()
    rows = predicted(out / "predictions.csv")
    assert [row["problem"] for row in rows.values()].count("marked") == 17
    assert not Path(work.path).exists()
    again = io.StringIO()
    assert predict_films(request_for(folder, model, out, resume=True), Console(again)) is None
    assert "is complete" in again.getvalue()


def test_what_is_resumed_must_be_the_same(folder: Path, models: Path, tmp_path: Path) -> None:
    films = tmp_path / "films.csv"
    shutil.copy(folder / "films.csv", films)
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(models / "tfidf", model)
    work = WorkFolder(Outputs.at(str(out)).work)
    work.begin(str(films), unlabelled(films), model_digests([str(model)]), films_a_part=17)
    request = request_for(films, model, out, resume=True)
    films.write_text(films.read_text() + "new,A film\n")
    with pytest.raises(TrainError, match="as it was then"):
        predict_films(request, Console(io.StringIO()))
    metadata = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(metadata | {"label": "another"}))
    with pytest.raises(TrainError, match="name the same --model"):
        predict_films(request, Console(io.StringIO()))


def test_results_are_kept(folder: Path, models: Path, tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text("kept")
    with pytest.raises(TrainError, match="exists and is kept"):
        predict_films(request_for(folder, models / "tfidf", tmp_path), Console(io.StringIO()))
    assert (tmp_path / "predictions.csv").read_text() == "kept"
    (tmp_path / "empty.csv").write_text("id,overview\n")
    with pytest.raises(FilmsError, match="it has a header and no films"):
        predict_films(request_for(tmp_path / "empty.csv", models / "tfidf", tmp_path / "new"), Console(io.StringIO()))


@pytest.mark.parametrize(
    ("out", "names"),
    [
        ("/a/b", ("/a/b/predictions.csv", "/a/b/rejects.csv", "/a/b/predictions.html", "/a/b/.predictions.unfinished")),
        (
            "/a/b/",
            ("/a/b/predictions.csv", "/a/b/rejects.csv", "/a/b/predictions.html", "/a/b/.predictions.unfinished"),
        ),
        ("s3://b/x.parquet", ("s3://b/x.parquet", "s3://b/x.rejects.csv", "s3://b/x.html", "s3://b/.x.unfinished")),
    ],
)
def test_paths_of_results(out: str, names: tuple[str, ...]) -> None:
    outputs = Outputs.at(out)
    assert (outputs.table, outputs.rejects, outputs.page, outputs.work) == names


def test_table_of_another_format_is_refused() -> None:
    with pytest.raises(TrainError, match=r"\.csv or \.parquet"):
        Outputs.at("/a/predictions.xlsx")
