"""From a films folder to a store, with Ray: dirty films, the split, what a killed job leaves."""

from __future__ import annotations

import csv
import json
import platform
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.batches.film_inputs import input_films
from datasets.batches.readers import blocks_of
from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions
from datasets.raw.rejects import FilmsError
from datasets.store import prepare as preparing
from datasets.store.film_store import SPLITS, Store, StoreError, poster_array
from datasets.store.prepare import Preparation, prepare
from datasets.store.split import stratified_split
from datasets.text.vocabulary import Vocabulary
from tests.datasets.raw.dirty_films import make_dirty_folder
from tests.datasets.raw.layouts import FILMS, LAYOUTS, csv_text, jpeg, netflix, write_posters

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("local_ray")]
LENIENT = Preparation(height=16, width=12, max_rejects=0.9, read=ReadOptions(allow_missing=False))


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> tuple[object, Path, Store]:
    """Prepare the dirty films once, in the Ray that `local_ray` started."""
    del local_ray
    folder = tmp_path_factory.mktemp("dirty")
    films = make_dirty_folder(folder / "films")
    prepare(str(folder / "films"), str(folder / "store"), LENIENT)
    return films, folder, Store.open(str(folder / "store"))


def test_every_dirty_film_is_set_aside_with_its_reason(dirty: tuple) -> None:
    films, folder, store = dirty
    assert store.manifest.source["rejects"] == films.rejects
    assert store.manifest.source["repeats"] == films.repeats
    assert sum(store.manifest.films.values()) == films.good
    with (folder / "store" / "rejects.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(films.rejects.values())
    assert all(row["reason"] and row["detail"] and int(row["row"]) > 1 for row in rows)


def test_plain_pyarrow_reads_the_store(dirty: tuple) -> None:
    _, folder, store = dirty
    table = pq.read_table(folder / "store" / "films")
    assert set(table.column_names) == {"row", "id", "overview", "labels", "poster", "poster_file", "split"}
    assert table["split"].to_pylist().count("train") == store.manifest.films["train"]
    assert poster_array(table["poster"], (16, 12, 3)).shape == (len(table), 16, 12, 3)


def test_the_split_is_the_stratified_one_and_the_counts_add_up(dirty: tuple) -> None:
    _, _, store = dirty
    ids = {split: store.table(split, ["id"])["id"].to_pylist() for split in SPLITS}
    labels = np.concatenate([store.labels(split) for split in SPLITS])
    everyone = [film for split in SPLITS for film in ids[split]]
    assert len(set(everyone)) == len(everyone)
    wanted = stratified_split(everyone, labels, shares=LENIENT.shares, seed=0)
    assert [split for split in SPLITS for _ in ids[split]] == list(wanted)
    for split in SPLITS:
        counted = dict(zip(store.manifest.genres, store.labels(split).sum(axis=0).astype(int).tolist(), strict=True))
        assert counted == store.manifest.genre_films[split]


def test_the_same_films_give_the_same_store_on_every_run(dirty: tuple, tmp_path: Path) -> None:
    _, folder, store = dirty
    again = prepare(str(folder / "films"), str(tmp_path / "store"), LENIENT)
    assert again.fingerprint == store.manifest.fingerprint
    for split in SPLITS:
        assert store.table(split, ["id", "poster"]) == Store.open(str(tmp_path / "store")).table(
            split, ["id", "poster"]
        )
    other = prepare(str(folder / "films"), str(tmp_path / "other"), replace(LENIENT, seed=1))
    assert other.fingerprint != store.manifest.fingerprint


def test_fewer_training_films_leave_the_other_splits_as_they_are(dirty: tuple, tmp_path: Path) -> None:
    _, folder, store = dirty
    kept = [set(store.table("train", ["id"])["id"].to_pylist())]
    for share in (0.6, 0.3):
        path = str(tmp_path / str(share))
        manifest = prepare(str(folder / "films"), path, replace(LENIENT, train_share=share))
        smaller = Store.open(path)
        assert manifest.films["train"] == round(share * store.manifest.films["train"])
        assert manifest.genre_films["train"] == dict(
            zip(manifest.genres, smaller.labels("train").sum(axis=0).astype(int).tolist(), strict=True)
        )
        for split in ("validation", "test"):
            assert smaller.table(split, ["id", "poster"]) == store.table(split, ["id", "poster"])
        films = smaller.table("train", ["id"])["id"].to_pylist()
        assert len(films) == manifest.films["train"]
        assert set(films) < kept[-1]
        assert manifest.fingerprint != store.manifest.fingerprint
        kept.append(set(films))


def test_words_are_those_of_the_training_films_alone(dirty: tuple) -> None:
    _, _, store = dirty
    counts = dict(store.word_counts())
    training = " ".join(store.table("train", ["overview"])["overview"].to_pylist()).lower()
    test_only = set(" ".join(store.table("test", ["overview"])["overview"].to_pylist()).lower().split()) - set(
        training.split()
    )
    assert sum(counts.values()) > 0
    assert not (test_only & counts.keys())


def test_films_stream_as_model_inputs_in_the_store_s_order(dirty: tuple) -> None:
    _, _, store = dirty
    pixels = SimpleNamespace(name="inputs", source="poster", form="pixels")
    posters = list(blocks_of(input_films(store, "train", [pixels], {}, None)))
    inputs = np.concatenate([block["inputs"] for block in posters])
    assert inputs.dtype == np.uint8
    assert np.array_equal(inputs, poster_array(store.table("train", ["poster"])["poster"], (16, 12, 3)))
    assert np.array_equal(np.concatenate([block["labels"] for block in posters]), store.labels("train"))
    vocabulary = Vocabulary.from_counts(store.word_counts(), size=50)
    tokens = SimpleNamespace(name="inputs", source="overview", form="token_ids", max_tokens=8)
    overviews = list(blocks_of(input_films(store, "train", [tokens], {}, vocabulary)))
    ids, lengths = vocabulary.encode(store.table("train", ["overview"])["overview"].to_pylist(), max_tokens=8)
    assert np.array_equal(np.concatenate([block["inputs"] for block in overviews]), ids)
    assert np.array_equal(np.concatenate([block["lengths"] for block in overviews]), lengths)


def test_too_many_bad_films_end_the_job_and_leave_no_store(dirty: tuple, tmp_path: Path) -> None:
    _, folder, _ = dirty
    with pytest.raises(FilmsError, match=r"cannot be used.*at most 5.0%.*--max-rejects.*No store was written"):
        prepare(str(folder / "films"), str(tmp_path / "store"), Preparation())
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_dies_leaves_the_old_store_and_no_half_one(
    dirty: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, _ = dirty
    path = tmp_path / "store"
    first = prepare(str(folder / "films"), str(path), LENIENT)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparing, "_write_words", full)
    with pytest.raises(OSError, match="No space left"):
        prepare(str(folder / "films"), str(path), LENIENT)
    assert Store.open(str(path)).manifest.created == first.created
    assert [child.name for child in tmp_path.iterdir()] == ["store"]


GONE = 2**22 + 12345  # above Linux' largest process id


def test_what_a_killed_job_left_is_cleared_by_the_next(dirty: tuple, tmp_path: Path) -> None:
    _, folder, _ = dirty
    left = tmp_path / f".store.preparing-{platform.node()}-{GONE}"
    elsewhere = tmp_path / f".store.preparing-another-machine-{GONE}"  # on a shared disk: it may well run there
    for unfinished in (left, elsewhere):
        unfinished.mkdir()
        (unfinished / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match="there is no film store"):
        Store.open(str(tmp_path / "store"))
    prepare(str(folder / "films"), str(tmp_path / "store"), LENIENT)
    assert sorted(child.name for child in tmp_path.iterdir()) == [elsewhere.name, "store"]


def test_a_store_by_a_file_uri(dirty: tuple, tmp_path: Path) -> None:
    _, folder, _ = dirty
    prepare(str(folder / "films"), (tmp_path / "store").as_uri(), LENIENT)
    assert Store.open(str(tmp_path / "store")).manifest.films["train"] > 0


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(StoreError, match="format 99"):
        Store.open(str(tmp_path))


def test_films_that_lack_something_are_marked(tmp_path: Path) -> None:
    """Ten films, of which the first eight have a poster and the last seven an overview."""
    write_posters(tmp_path / "films" / "Images", [f"{number}.jpg" for number in range(8)])
    rows = [[n, f"Film {n} of the sea." if n >= 3 else "N/A", "Drama" if n % 2 else "War|Drama"] for n in range(10)]
    (tmp_path / "films" / "films.csv").write_text(csv_text([["id", "plot", "genres"], *rows]))
    manifest = prepare(str(tmp_path / "films"), str(tmp_path / "store"), Preparation(16, 12))
    store = Store.open(str(tmp_path / "store"))
    assert store.manifest == manifest and sum(manifest.films.values()) == 10
    pixels = SimpleNamespace(name="inputs", source="poster", form="pixels")
    seen = {need: 0 for need in ("poster", "overview", "both")}
    for split in SPLITS:
        table = store.table(split, ["id", "overview", "labels", "poster", "has_poster", "has_overview"]).to_pylist()
        for film in table:
            assert film["has_poster"] == (int(film["id"]) < 8) == any(film["poster"])
            assert film["has_overview"] == (int(film["id"]) >= 3) == bool(film["overview"])
        for need, needs in (("poster", ["poster"]), ("overview", ["overview"]), ("both", ["poster", "overview"])):
            view = store.having(*needs)
            wanted = [film for film in table if all(film[f"has_{name}"] for name in needs)]
            assert view.table(split, ["id"])["id"].to_pylist() == [film["id"] for film in wanted]
            assert view.manifest.films[split] == len(wanted) == len(view.labels(split))
            blocks = blocks_of(input_films(view, split, [pixels], {}, None))
            assert sum(len(block["labels"]) for block in blocks) == len(wanted)
            war = sum(film["labels"][manifest.genres.index("War")] for film in wanted)
            assert view.manifest.genre_films[split]["War"] == war
            seen[need] += len(wanted)
    assert seen == {"poster": 8, "overview": 7, "both": 5}
    assert store.having().manifest == manifest and store.has("poster")


def test_a_store_without_posters(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    netflix(tmp_path / "films")
    manifest = prepare(str(tmp_path / "films"), str(tmp_path / "store"), Preparation(16, 12))
    store = Store.open(str(tmp_path / "store"))
    assert store.has("overview") and not store.has("poster")
    assert store.having("overview").manifest == manifest
    assert sum(store.having("poster").manifest.films.values()) == 0
    assert manifest.source["understood"][3].startswith("Posters: none; a store for models that read overviews")


@pytest.mark.parametrize("layout", ["tmdb_metadata", "movielens", "omdb", "kaggle_posters", "mm_imdb"])
def test_posters_of_public_layouts_are_decoded(layout: str, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    LAYOUTS[layout](tmp_path / "films")
    how = Preparation(16, 12, max_rejects=0.5, read=ReadOptions(Choices(id="id" if layout == "tmdb_metadata" else "")))
    manifest = prepare(str(tmp_path / "films"), str(tmp_path / "store"), how)
    assert sum(manifest.films.values()) == FILMS and not any(
        name.startswith("poster") for name in manifest.source["rejects"]
    )


def test_posters_in_the_table_and_in_a_compressed_tar(tmp_path: Path) -> None:
    """Both are copied into the work folder, of which nothing is left."""
    rows = {"id": [str(n) for n in range(4)], "plot": ["The sea."] * 4, "genres": [["Drama"]] * 4}
    pixels = []
    for kind in ("table", "tar"):
        folder = tmp_path / kind
        folder.mkdir()
        pictures = {"image": [{"bytes": jpeg(n), "path": f"{n}.jpg"} for n in range(4)]} if kind == "table" else {}
        pq.write_table(pa.table(rows | pictures), folder / "films.parquet")
        if kind == "tar":
            write_posters(tmp_path / "posters", [f"{n}.jpg" for n in range(4)])
            with tarfile.open(folder / "posters.tar.gz", "w:gz") as tar:
                tar.add(tmp_path / "posters", "posters")
        manifest = prepare(str(folder), str(tmp_path / f"{kind}-store"), Preparation(16, 12))
        assert manifest.having == {} and manifest.source["rejects"] == {}
        pixels.append(manifest.fingerprint)
        assert {path.name for path in (tmp_path / f"{kind}-store").iterdir()} == {
            *("films", "manifest.json", "rejects.csv", "words.parquet")
        }
    assert pixels[0] == pixels[1]


@pytest.mark.real_films
def test_the_real_films_split_as_they_should(real_films: Path, tmp_path: Path) -> None:
    manifest = prepare(str(real_films), str(tmp_path / "store"), Preparation())
    assert len(manifest.genres) == 25
    assert sum(manifest.films.values()) + sum(manifest.source["rejects"].values()) == manifest.source["films"]
    total = sum(manifest.films.values())
    for genre in manifest.genres:
        films = sum(manifest.genre_films[split][genre] for split in SPLITS)
        # Rounding to whole films aside, each split has its share of each genre.
        for split in SPLITS:
            fair = films * manifest.films[split] / total
            assert abs(manifest.genre_films[split][genre] - fair) <= max(3, films / 200)
    assert [child.name for child in tmp_path.iterdir()] == ["store"]
