"""The options of the jobs agree with the tables that they choose from."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from genre_models.metrics.names import SELECTING
from ray_jobs import evaluate
from ray_jobs.cli.options import Metric


def test_best_epochs_are_chosen_by_the_metrics_of_the_table() -> None:
    assert get_args(Metric) == tuple(SELECTING)


def test_columns_of_films_to_evaluate_on_reach_the_reading(tmp_path: Path) -> None:
    renames = tmp_path / "renames.csv"
    renames.write_text("Science Fiction,Sci-Fi\n")
    reading = evaluate.Options(id_column="key", genre_column="kind", rename_genres=str(renames)).reading
    assert (reading.columns.id, reading.columns.genre) == ("key", "kind")
    assert reading.genres.renames == {"Science Fiction": "Sci-Fi"} and reading.labelled
