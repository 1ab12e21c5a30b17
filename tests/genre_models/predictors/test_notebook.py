"""The notebook of docs/ runs from top to bottom on drawn films."""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datasets.sample.films import GENRES, write_sample
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from tests.genre_models.predictors.tiny_models import save

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "using_models.ipynb"


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last line, if that is an expression."""
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        body.append(last)
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runs folder that an evaluation left an ensemble of TF-IDF and an untrained CNN."""
    write_sample(str(tmp_path / "films"), films=20, seed=0, progress=lambda _: None)
    with (tmp_path / "films" / "IMDB_overview_genres.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([[int(row[genre]) for genre in GENRES] for row in rows])
    thresholds = np.full(len(GENRES), 0.3)
    tfidf = TfidfBaseline([row["Overview"] for row in rows], labels)
    write_tfidf(tmp_path / "tfidf", ModelFolder("tfidf", "TF-IDF", GENRES, thresholds, {}), tfidf.weights)
    save("cnn", tmp_path / "cnn", genres=GENRES, thresholds=tuple(thresholds))
    weights = np.array([0.1, 0.9])
    stacking = StackingModel("average", ("cnn", "tfidf"), weights, np.tile([0, *weights], (len(GENRES), 1)))
    members = {key: f"members/{key}" for key in stacking.members}
    metadata = ModelFolder("ensemble", "Ensemble", GENRES, thresholds, {}, None, members, stacking)
    write_combination(tmp_path / "report" / "ensemble", metadata, {key: tmp_path / key for key in members})
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "models.json").write_text('{"ensemble": "../report/ensemble"}')
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("FILMS", str(tmp_path / "films"))


def test_notebook_runs(runs: None) -> None:
    del runs
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert len(cells) == 10
    names: dict[str, Any] = {}
    shown = [run("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    assert repr(shown[0]).startswith("<Ensemble: 25 genres")
    frame = names["frame"]
    assert isinstance(frame, pd.DataFrame) and frame.shape == (12, 25) and frame.notna().all(axis=None)
    assert list(frame.index) == list(names["films"].index)
    assert shown[4].tolist() == [True, True, False]
    assert list(names["top"]) == sorted(names["top"], reverse=True) and len(names["top"]) == 3
    why = names["why"]
    assert why.probability == pytest.approx(frame.iloc[0][why.genre], abs=1e-6)
    assert [word for word, _ in why.words] == names["films"]["Overview"].iloc[0].split()
    # The weight of the CNN, which alone takes posters.
    assert why.poster_share == pytest.approx(0.1) and shown[6].size == (300, 444)
    # It is kept as it was written, without results of whoever ran it last.
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
