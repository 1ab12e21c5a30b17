"""Runs, sweeps, settings and command lines of the version before, in which options had other names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genre_models import checkpoint as checkpoints
from genre_models.models.renamed_options import RENAMED, with_new_flags
from ray_jobs.cli import config_loading
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions
from ray_jobs.runs.resume import check_resume, settings_of
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.study_files import SWEEPS, studies_below
from ray_jobs.runs.sweep_folder import SweepFolder

BEFORE = Path(__file__).parents[2] / "version_before"


def test_a_run_goes_on(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path), "run")
    folder.write_options({})
    (tmp_path / "run" / "run.json").write_text((BEFORE / "run" / "run.json").read_text())
    requested = settings_of(checkpoints.read(BEFORE / "lstm"))
    assert folder.options()["init_from"] == "runs/first/epoch-001"
    check_resume(folder, requested, TrainOptions(name="run", resume=True))
    requested["recipe"]["ema_decay"] = 0.5
    with pytest.raises(TrainError, match=r"ema_decay 0.9 -> 0.5"):
        check_resume(folder, requested, TrainOptions(name="run", resume=True))


def test_a_sweep_s_trials_are_read() -> None:
    (trial,) = SweepFolder(str(BEFORE), "sweep").trials()
    assert trial.settings == {"ema_decay": 0.9, "bow_embedding": True, "min_count": 2}


def test_a_settings_file_is_read() -> None:
    from ray_jobs.train_lstm import Options

    options: Any = config_loading.with_config(Options(), ["--config", str(BEFORE / "best_config.yaml")])
    assert (options.recipe.ema_decay, options.recipe.oversample_share) == (0.9, 0.25)
    assert options.model.bow_embedding and options.model.min_count == 2


def test_options_on_the_command_line_are_taken() -> None:
    before = ["--store", "a--ema", "--ema", "0.9", "--word-bag", "--no-mirroring", "--fewest-uses=2", "fine_tuning"]
    after = ["--store", "a--ema", "--ema-decay", "0.9", "--bow-embedding", "--no-horizontal-flip", "--min-count=2"]
    assert with_new_flags(before) == [*after, "fine_tuning"]


def test_no_new_name_is_an_old_one() -> None:
    assert not set(RENAMED) & set(RENAMED.values())


def test_metrics_in_a_study_keep_their_names(tmp_path: Path) -> None:
    """Precision was also the name of an option."""
    epoch = {"epoch": 1, "precision": 0.5, "validation_precision": 0.4}
    trial = {"number": 1, "settings": {"ema": 0.9, "precision": "float32"}, "history": [epoch]}
    sweep = {"store": {"fingerprint": "f"}, "trials": [trial]}
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / SWEEPS.file).write_text(json.dumps(sweep | {"format": SWEEPS.format}))
    (read,) = studies_below(str(tmp_path), SWEEPS)
    assert read["trials"][0]["settings"] == {"ema_decay": 0.9, "dtype_policy": "float32"}
    assert read["trials"][0]["history"] == [epoch]
