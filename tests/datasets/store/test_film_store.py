"""A store that is not as it was prepared: foreign files are ignored, all else is named, no figure is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.store import film_store
from datasets.store.film_store import SPLITS, Manifest, Store, StoreError, film_schema

FILMS = {"train": 3, "validation": 1, "test": 2}
SCHEMA = film_schema(1, (1, 1, 3))


def write(path: Path, first: int, films: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"row": row, "id": str(row), "overview": "words", "labels": [1.0], "poster": b"rgb"}
        for row in range(first, first + films)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of six films; its training films are in two files."""
    path = tmp_path / "store"
    for split, films in FILMS.items():
        for part, (first, number) in enumerate(((0, 1), (1, films - 1)) if split == "train" else ((0, films),)):
            write(path / "films" / f"split={split}" / f"part-00000000{part}.parquet", first, number)
    pq.write_table(pa.table({"word": ["words"], "count": [6]}), path / "words.parquet")
    genre_films = {split: {"Drama": films} for split, films in FILMS.items()}
    film_store.write_manifest(str(path), Manifest(
        genres=("Drama",), films=FILMS, genre_films=genre_films, poster={"height": 1, "width": 1}, split={"seed": 0},
        source={"rejects": {}}, fingerprint="f", created="now", versions={},
    ))  # fmt: skip
    return path


def test_hidden_and_foreign_files_are_ignored(store: Path) -> None:
    for split in SPLITS:
        folder = store / "films" / f"split={split}"
        (folder / "._part-000000000.parquet").write_bytes(b"of a Mac")
        (folder / ".DS_Store").touch()
        (folder / "notes.txt").write_text("mine")
        (folder / "_SUCCESS").touch()
        (folder / "part-000000009.parquet").mkdir()
    (store / "notes.txt").touch()
    opened = Store.open(str(store))
    for split, films in FILMS.items():
        assert opened.table(split, ["id"])["id"].to_pylist() == [str(row) for row in range(films)]
        assert len(opened.parts(split)) == (2 if split == "train" else 1)


TEST = "films/split=test/part-000000000.parquet"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a copied file": (
        lambda of: shutil.copy(of / TEST, of / "films/split=test/part-0 (1).parquet"),
        r"split=test holds 4 films, and manifest.json says 2 \(.*part-0 \(1\).parquet is no file of a store\)",
    ),
    "a file of another split": (
        lambda of: shutil.copy(of / TEST, of / "films/split=train/part-000000007.parquet"),
        "split=train holds 5 films, and manifest.json says 3: remove what was copied",
    ),
    "a file lost": (lambda of: (of / TEST).unlink(), "holds 0 films, and manifest.json says 2"),
    "a folder lost": (lambda of: shutil.rmtree(of / "films"), "holds 0 films"),
    "a file cut": (lambda of: (of / TEST).write_bytes((of / TEST).read_bytes()[:99]), f"{TEST} is missing or damaged"),
    "an empty file": (lambda of: (of / TEST).write_bytes(b""), f"{TEST} is missing or damaged"),
    "no Parquet": (lambda of: (of / TEST).write_text("id,overview\n"), f"{TEST} is missing or damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_films_are_those_of_the_manifest(damage: str, store: Path) -> None:
    do, why = DAMAGES[damage]
    do(store)
    with pytest.raises(StoreError, match=why):
        Store.open(str(store))


MANIFESTS: dict[str, Any] = {
    "empty": "", "cut": '{"format": 1, "gen', "a list": [], "null": None, "no bytes of text": b"\xff\xfe\x00",
    "no format": lambda values: values.pop("format"),
    "a key of the future": lambda values: values.update(weights=1),
    "no films": lambda values: values.pop("films"),
    "films that are no numbers": lambda values: values["films"].update(test="two"),
    "fewer than no films": lambda values: values["films"].update(test=-2),
    "a genre twice": lambda values: values.update(genres=["Drama", "Drama"]),
    "no genre": lambda values: values.update(genres=[]),
    "posters of no size": lambda values: values.update(poster={"height": 0, "width": 1}),
}  # fmt: skip


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_a_damaged_manifest_is_named(content: Any, store: Path) -> None:
    path = store / "manifest.json"
    if callable(content):
        values = json.loads(path.read_text())
        content(values)
        content = values
    path.write_bytes(content if isinstance(content, bytes) else
                     (content if isinstance(content, str) else json.dumps(content)).encode())  # fmt: skip
    with pytest.raises(StoreError) as error:
        Store.open(str(store))
    assert f"{path} is damaged, or not that of a film store" in str(error.value)


@pytest.mark.parametrize("damage", ["missing", "cut", "of other columns"])
def test_damaged_words_are_named(damage: str, store: Path) -> None:
    path = store / "words.parquet"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        pq.write_table(pa.table({"term": ["words"]}), path)
    with pytest.raises(StoreError, match=r"words.parquet is missing or damaged"):
        Store.open(str(store)).word_counts()
