"""The synthetic sample: repeatable, in the coursework's layout, and never half written."""

import ast
import csv
from collections import Counter
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.sample import films as sample
from datasets.sample.films import GENRES, SampleFilm, csv_header, csv_row, draw_film, write_sample

REAL_COLUMNS = (
    "Id,Genre,Action,Adventure,Animation,Biography,Comedy,Crime,Documentary,Drama,Family,Fantasy,History,Horror,"
    "Music,Musical,Mystery,N/A,News,Reality-TV,Romance,Sci-Fi,Short,Sport,Thriller,War,Western,Overview"
)


@pytest.fixture(scope="module")
def films() -> list[SampleFilm]:
    return [draw_film(index, seed=11) for index in range(300)]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 4), ("same", 4), ("other", 5)):
        write_sample(tmp_path / name, films=12, seed=seed)
    one, other = _contents(tmp_path / "one"), _contents(tmp_path / "other")
    assert one == _contents(tmp_path / "same")
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


def test_a_film_is_the_same_in_a_small_and_a_large_sample(tmp_path: Path, films: list[SampleFilm]) -> None:
    write_sample(tmp_path / "small", films=3, seed=11)
    write_sample(tmp_path / "large", films=9, seed=11)
    small, large = _contents(tmp_path / "small"), _contents(tmp_path / "large")
    assert large[sample.CSV_NAME].startswith(small[sample.CSV_NAME])
    assert all(large[name] == small[name] for name in small if name != sample.CSV_NAME)
    assert draw_film(250, seed=11) == films[250]


def test_folder_has_the_layout_of_the_real_one(tmp_path: Path) -> None:
    write_sample(str(tmp_path / "new" / "sample"), films=20, seed=0)
    folder = tmp_path / "new" / "sample"
    with (folder / "IMDB_overview_genres.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert ",".join(header) == REAL_COLUMNS
    assert [row[0] for row in rows] == [f"sample-{k:06d}" for k in range(20)]
    assert {path.name for path in (folder / "Images").iterdir()} == {f"{row[0]}.jpg" for row in rows}
    assert {path.name for path in folder.iterdir()} == {"IMDB_overview_genres.csv", "Images"}
    assert list((tmp_path / "new").iterdir()) == [folder]
    for row in rows:
        named = ast.literal_eval(row[1])
        assert named == [genre for genre, flag in zip(header[2:-1], row[2:-1], strict=True) if flag == "1"]
        assert set(row[2:-1]) == {"0", "1"}


def test_posters_are_jpegs_of_the_stated_size(films: list[SampleFilm]) -> None:
    for film in films[:40]:
        with Image.open(BytesIO(film.poster_jpeg)) as poster:
            poster.load()
            assert (poster.format, poster.mode, poster.size) == ("JPEG", "RGB", (300, 444))


def test_posters_all_differ(films: list[SampleFilm]) -> None:
    assert len({film.poster_jpeg for film in films}) == len(films)


def test_rows_can_be_written_by_somebody_else(films: list[SampleFilm]) -> None:
    row = dict(zip(csv_header(), csv_row(films[0]), strict=True))
    assert row["Id"] == films[0].id
    assert row["Overview"] == films[0].overview
    assert tuple(genre for genre in GENRES if row[genre] == "1") == films[0].genres


def test_overviews_are_short_whole_and_all_different(films: list[SampleFilm]) -> None:
    for film in films:
        assert 8 <= len(film.overview.split()) <= 90, film.overview
        assert 1 <= film.overview.count(". ") + 1 <= 4
        assert film.overview.endswith(".")
        assert not set("{}\n") & set(film.overview)
        assert not any(a == "a" and b[0] in "aeiou" for a, b in pairwise(film.overview.split())), film.overview
    assert len({film.overview for film in films}) == len(films)


def test_genres_have_the_real_files_long_tail(films: list[SampleFilm]) -> None:
    counts = Counter(genre for film in films for genre in film.genres)
    assert [genre for genre, _ in counts.most_common(2)] == ["Drama", "Comedy"]
    # Four standard deviations at 300 films round the real shares, 51% and 18%.
    assert 0.39 < counts["Drama"] / len(films) < 0.63
    assert 0.09 < counts["Crime"] / len(films) < 0.27
    assert not {"N/A", "Reality-TV"} & counts.keys()
    assert {len(film.genres) for film in films} == {1, 2, 3, 4}
    assert 2.0 < sum(counts.values()) / len(films) < 2.5
    assert all(len(set(film.genres)) == len(film.genres) for film in films)


def test_every_drawn_genre_has_a_motif_a_palette_and_clauses() -> None:
    for genre in sample._DRAWN:
        rng = np.random.default_rng(0)
        assert sample.draw_poster([genre, genre], "A Title", "small print", rng)
        assert sample.write_overview([genre], rng)


def test_nothing_is_left_when_drawing_fails_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(index: int, *, seed: int) -> SampleFilm:
        if index == 3:
            raise OSError("disk full")
        return draw_film(index, seed=seed)

    monkeypatch.setattr(sample, "draw_film", failing)
    with pytest.raises(OSError, match="disk full"):
        write_sample(tmp_path / "sample", films=5, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_the_films_written(tmp_path: Path) -> None:
    seen: list[int] = []
    (tmp_path / "sample").mkdir()
    write_sample(tmp_path / "sample", films=4, seed=0, progress=seen.append)
    assert seen == [1, 2, 3, 4]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="remove it or name another"):
        write_sample(tmp_path, films=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_impossible_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 film"):
        write_sample(tmp_path / "sample", films=0, seed=0)
    with pytest.raises(ValueError, match="must not be negative"):
        draw_film(0, seed=-1)
    with pytest.raises(ValueError, match="must not be negative"):
        draw_film(-1, seed=0)
