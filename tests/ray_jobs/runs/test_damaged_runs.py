"""Damaged files of runs and sweeps: one sentence that names the file and what helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions
from ray_jobs.runs.resume import check_resume
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.sweep_folder import SweepFolder, Trial


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3", "null", "\udcff", "[" * 100_000])
def test_a_damaged_run_json_is_named(text: str, tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path), "run")
    run.write_options({})
    (tmp_path / "run" / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(TrainError, match=r"run/run.json is damaged .* start anew under another --name"):
        check_resume(run, {}, TrainOptions(name="run", resume=True))


@pytest.mark.parametrize("options", [{}, {"recipe": 3, "kind": []}, {"recipe": [1], "kind": None}])
def test_a_run_json_of_other_values_is_of_another_run(options: dict[str, object], tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path), "run")
    run.write_options(options)
    with pytest.raises(TrainError, match=r"was started otherwise"):
        check_resume(run, {"kind": "cnn", "recipe": {"epochs": 3, "seed": 1}}, TrainOptions(name="run", resume=True))


def test_checkpoints_without_a_run_json_are_not_trained_over(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path), "run")
    metadata = {"format": 1, "kind": "cnn", "epoch": 1, "figures": {"validation_loss": 0.5}}
    with run.new_checkpoint(1) as folder:
        (folder / "checkpoint.json").write_text(json.dumps(metadata))
    with pytest.raises(TrainError, match=r"holds checkpoints and no run.json"):
        check_resume(run, {}, TrainOptions(name="run"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": 3}', '{"number": 1, "settings": {}, "colour": "red"}'])
def test_a_damaged_trial_is_named(text: str, tmp_path: Path) -> None:
    sweep = SweepFolder(str(tmp_path), "sweep")
    sweep.write_trial(Trial(1, {}))
    (tmp_path / "sweep" / "trial-001" / "trial.json").write_text(text)
    with pytest.raises(TrainError, match=r"trial-001/trial.json is damaged"):
        sweep.trials()
