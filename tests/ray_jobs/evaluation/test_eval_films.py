"""Posters for the page of a comparison: whole ones wherever they lie, else those of the store."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions, read_films
from datasets.store.decode_posters import Decoder, write_parquet
from datasets.store.film_store import POSTER_FILE, StoreError, film_schema
from ray_jobs.evaluation.eval_films import EvalSet
from tests.datasets.raw.layouts import FILMS, LAYOUTS

SIZE = (20, 30)  # of the drawn posters; those of the store have 4 by 4 pixels


def decoded(folder: Path, work: Path) -> pa.Table:
    """The films as the store has them."""
    films = read_films(str(folder), ReadOptions(Choices(id="id")))
    write_parquet(films.table, str(work / "rows" / "part-000000001.parquet"))
    schema = film_schema(len(films.genres), (4, 4, 3))
    Decoder(str(folder), str(work), schema, 4, 4, seed=0).part("part-000000001.parquet")
    return pa.parquet.read_table(work / "decoded" / "part-000000001.parquet")


def evaluated(folder: Path, films: pa.Table) -> EvalSet:
    """The films as an evaluation has them."""

    def table(split: str, columns: list[str]) -> pa.Table:
        del split
        if not set(columns) <= set(films.column_names):
            raise StoreError("no such column")
        return films.select(columns)

    manifest = SimpleNamespace(source={"folder": str(folder)}, poster_shape=(4, 4, 3))
    store: Any = SimpleNamespace(manifest=manifest, table=table)
    ids = films["id"].to_pylist()
    return EvalSet(store, np.zeros((len(ids), 1), np.float32), ids, [""] * len(ids), "here", {})


def sizes(films: EvalSet) -> set[tuple[int, int]]:
    return {Image.open(io.BytesIO(jpeg)).size for jpeg in films.posters(range(len(films.ids)))}


def test_posters_of_another_layout_are_whole(tmp_path: Path) -> None:
    """TMDB's, named by the poster column; a poster that is gone is the store's."""
    folder, work = tmp_path / "films", tmp_path / "work"
    folder.mkdir()
    LAYOUTS["tmdb_metadata"](folder)
    films = decoded(folder, work)
    assert films[POSTER_FILE].to_pylist() == [f"{folder}/posters/p{n}.jpg" for n in range(FILMS)]
    assert sizes(evaluated(folder, films)) == {SIZE}
    (folder / "posters" / "p3.jpg").unlink()
    assert sizes(evaluated(folder, films)) == {SIZE, (4, 4)}


def test_stores_of_older_versions_show_the_coursework_s_posters(tmp_path: Path) -> None:
    folder, work = tmp_path / "films", tmp_path / "work"
    folder.mkdir()
    LAYOUTS["tmdb_metadata"](folder)
    films = decoded(folder, work).drop_columns([POSTER_FILE])
    assert sizes(evaluated(folder, films)) == {(4, 4)}
    (folder / "Images").mkdir()
    for n, film in enumerate(films["id"].to_pylist()):
        (folder / "posters" / f"p{n}.jpg").rename(folder / "Images" / f"{film}.jpg")
    assert sizes(evaluated(folder, films)) == {SIZE}
