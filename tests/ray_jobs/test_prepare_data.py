"""The preparation's command line: a dry run, and how options reach the reading of films."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ray_jobs.prepare_data import Options
from tests.datasets.raw.layouts import LAYOUTS
from tests.jobs import run_here


def test_a_dry_run_says_what_it_understood_and_makes_nothing(tmp_path: Path) -> None:
    """Neither a store nor a running Ray is needed."""
    (tmp_path / "films").mkdir()
    LAYOUTS["movielens"](tmp_path / "films")
    said = run_here("prepare_data", "--films", tmp_path / "films", "--store", tmp_path / "store", "--dry-run").stdout
    lines = said.splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == ["Table", "Columns", "Genres", "Posters", "Missing"]
    assert "6 films can be used. The first ones:" in lines
    assert f"  1: Drama, Romance; poster {tmp_path}/films/MLP-20M/1.jpg" in lines
    assert "       1  no genre; row 8, id '7': no genre is listed" in lines
    assert list(tmp_path.iterdir()) == [tmp_path / "films"]


def test_all_problems_in_one_message(tmp_path: Path) -> None:
    LAYOUTS["tmdb_metadata"](tmp_path)
    options = ("--genre-column", "Gattung", "--rename-genres", tmp_path / "none.json")
    said = run_here("prepare_data", "--films", tmp_path, "--dry-run", *options, fails=True).stderr
    assert "--rename-genres" in said and "none.json cannot be read" in said
    assert "which column is the id, 'id' or 'imdb_id'?" in said and "there is no column 'Gattung'" in said


@pytest.mark.parametrize(
    ("given", "allowed"), [((), None), (("--allow-missing",), True), (("--allow-missing", "no"), False)]
)
def test_options_reach_the_reading(tmp_path: Path, given: tuple[str, ...], allowed: bool | None) -> None:
    import tyro

    (tmp_path / "renames.json").write_text(json.dumps({"Sci-Fi": "Science Fiction"}))
    arguments = ["--genres", "Drama, War", "--rename-genres", str(tmp_path / "renames.json"), "--id-column", "film"]
    options = tyro.cli(Options, args=[*arguments, *given])
    assert options.reading.allow_missing is allowed
    assert options.reading.genres.only == ("Drama", "War") and options.reading.columns.id == "film"
    assert options.reading.genres.renames == {"Sci-Fi": "Science Fiction"}


def test_a_sample_needs_no_dry_run() -> None:
    with pytest.raises(ValueError, match="--dry-run needs the --films"):
        Options(dry_run=True)
