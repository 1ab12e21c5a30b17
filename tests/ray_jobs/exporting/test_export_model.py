"""The export job: a folder that describes itself, refusals that write nothing, and metrics of the evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from genre_models.export.parts import ExportError, read_parts
from genre_models.predictors.find import find_model
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.exporting import export_model as exporting
from ray_jobs.exporting.export_model import Request, export_model
from ray_jobs.exporting.measured import measured
from tests.genre_models.predictors import tiny_models
from tests.genre_models.predictors.tiny_models import GENRES, WORDS


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("runs") / "run" / "epoch-001"
    tiny_models.save("lstm", place)
    return find_model(str(place))


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_artefact_describes_itself(lstm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "my-model"
    request = Request((lstm,), "keras", str(out), licence="cc-by-4.0", push_layout=True)
    export_model(request, Console())
    assert "10 drawn films differ by at most" in capsys.readouterr().out
    names = {"model.keras", "config.json", "README.md", "example.py", "preprocessing.py", "vocabulary.txt"}
    assert files_in(out) == {*names, ".gitattributes"}
    config = json.loads((out / "config.json").read_text())
    assert config["genres"] == list(GENRES) and config["thresholds"] == [0.25, 1 / 3, 0.5]
    assert config["inputs"][0] | {"name": "tokens", "max_tokens": 9, "shape": [None]} == config["inputs"][0]
    assert (out / "vocabulary.txt").read_text().split() == list(WORDS)
    _, head, card = (out / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) | {"license": "cc-by-4.0", "library_name": "keras"} == yaml.safe_load(head)
    assert "Overview LSTM" in card and "3 train" in card and "`films`" in card and "None are known" in card
    # As its example does, without the project: the program finds what is beside it.
    compile((out / "example.py").read_text(), "example.py", "exec")
    program = "import preprocessing as p; print(p.token_ids('The spaceship', p.read_tokens('vocabulary.txt'), "
    program += "tokenizer='words', max_tokens=4).tolist())"
    done = subprocess.run([sys.executable, "-c", program], cwd=out, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 3, 0, 0]"


@pytest.mark.slow
def test_only_an_artefact_is_replaced_and_files_of_others_stay(lstm: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(TrainError, match="it is no exported model"):
        export_model(Request((lstm,), "keras", str(tmp_path / "mine"), overwrite=True), Console())
    (tmp_path / "mine" / "config.json").write_text(json.dumps({"format": "film-genres artefact"}))
    (tmp_path / "mine" / "model.onnx").write_text("of an earlier export")
    with pytest.raises(TrainError, match="--overwrite replaces it"):
        export_model(Request((lstm,), "keras", str(tmp_path / "mine")), Console())
    export_model(Request((lstm,), "keras", str(tmp_path / "mine"), overwrite=True), Console())
    assert files_in(tmp_path / "mine") > {"notes.txt", "model.keras"}
    assert not (tmp_path / "mine" / "model.onnx").exists()


def test_an_artefact_that_predicts_something_else_is_not_written(
    lstm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genre_models.export import runtimes

    wrong = runtimes.RUNTIMES | {"keras": ("keras", lambda *_: np.full((10, 3), 0.5))}
    monkeypatch.setattr(runtimes, "RUNTIMES", wrong)
    with pytest.raises(TrainError, match=r"the keras artefact predicts something else .* nothing is written"):
        export_model(Request((lstm,), "keras", str(tmp_path / "out")), Console())
    assert files_in(tmp_path) == set()


def test_a_model_that_a_format_cannot_hold_is_an_error_for_the_user(
    lstm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ExportError("the layer x is none of Keras' own")

    monkeypatch.setattr(exporting, "_write_model", refuse)
    with pytest.raises(TrainError, match="the layer x"):
        export_model(Request((lstm,), "keras", str(tmp_path / "out")), Console())
    assert files_in(tmp_path) == set()


def test_metrics_are_those_of_the_comparison_with_their_intervals(tmp_path: Path) -> None:
    runs, report = tmp_path / "runs", tmp_path / "report"
    tiny_models.save("lstm", runs / "run" / "epoch-001")
    lstm = find_model(str(runs / "run" / "epoch-001"))
    model = {"metrics": {"mean_average_precision": 0.5}, "intervals": {"mean_average_precision": [0.4, 0.6]}}
    comparison = {"models": {"lstm": {"checkpoint": lstm, **model}, "ensemble": model}, "films": {"evaluated": 7}}
    (report / "models" / "ensemble").mkdir(parents=True)
    (report / "models" / "ensemble" / "model.json").write_text("{}")
    (report / "comparison.json").write_text(json.dumps(comparison))
    part = read_parts([Path(lstm)])
    assert measured([lstm], part) is None  # never evaluated, and without a history
    (runs / "models.json").write_text(json.dumps({"ensemble": str(report / "models" / "ensemble")}))
    for place in (lstm, str(report / "models" / "ensemble")):
        found = measured([place], part)
        assert found is not None and found.films == "7 films that it did not learn from"
        assert found.rows == (("mean AP", 0.5, (0.4, 0.6)),)
    assert measured([lstm, lstm], part) is None
