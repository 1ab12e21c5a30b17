"""Numbers among a job's options that are refused before any work."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from ray_jobs.cli import config_loading
from ray_jobs.cli.errors import TrainError, UsageError
from ray_jobs.cli.option_ranges import check_ranges
from ray_jobs.cli.options import AblateOptions, TrainOptions, TuneOptions
from ray_jobs.evaluate import Options as EvaluateOptions
from ray_jobs.prepare_data import Options as PrepareOptions
from ray_jobs.train_cnn import Options as CNNOptions

JOBS = (AblateOptions(), CNNOptions(), EvaluateOptions(), PrepareOptions(), TrainOptions(), TuneOptions())


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (EvaluateOptions(), {"resamples": 0}),
        (EvaluateOptions(), {"resamples": -5}),
        (EvaluateOptions(), {"seed": -1}),
        (PrepareOptions(), {"seed": 2**32}),
        (PrepareOptions(), {"max_rejects": math.nan}),
        (PrepareOptions(), {"max_rejects": 1.5}),
        (PrepareOptions(), {"sample_films": 0}),
        (TrainOptions(), {"shuffle_buffer": 0}),
        (TrainOptions(), {"cpus_per_worker": 0.0}),
        (TrainOptions(), {"cpus_per_worker": math.nan}),
        (TuneOptions(), {"gpus_per_worker": 0.0}),
        (TrainOptions(), {"gpus_per_worker": 1.5}),
        (TrainOptions(), {"object_store_share": -0.5}),
        (TuneOptions(), {"time_budget": math.nan}),
        (TuneOptions(), {"max_concurrent": -1}),
        (AblateOptions(), {"resamples": 0}),
        (TrainOptions(), {"shuffle_buffer": 10**400}),
    ],
)
def test_numbers_that_are_refused(options: Any, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(change)).replace('_', '-')}"):
        check_ranges(dataclasses.replace(options, **change))


@pytest.mark.parametrize("options", JOBS, ids=lambda options: type(options).__module__)
def test_defaults_are_taken(options: Any) -> None:
    check_ranges(options)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model:\n  normalization: nosuch\n", "normalization must be one of none, batch, group, not 'nosuch'"),
        ("model:\n  conv_dropout: .nan\n", "conv_dropout must be 0 to 1, not nan"),
        ("recipe:\n  seed: -1\n", "seed must be at least 0, not -1"),
        ("recipe:\n  epochs: 0\n", "epochs must be at least 1"),
        ("model:\n  normalization: [batch]\n", "normalization"),
        ("model: " + "[" * 2000, "cannot be read"),
        ("model: &a [x]\nb: &b [*a, *a]\nkind: [*b, *b]\n", "holds the settings of a"),
        ("\x00", "cannot be read"),
    ],
)
def test_values_of_a_file_are_checked_as_options_are(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(TrainError) as error:
        config_loading.with_config(CNNOptions(), ["--config", str(tmp_path / "settings.yaml")])
    assert why in str(error.value) and "settings.yaml" in str(error.value)


def test_gpus_of_a_worker_imply_their_use_and_a_model_predicts_on_one() -> None:
    check_ranges(TrainOptions(gpus_per_worker=2.0))
    assert [TrainOptions(gpus_per_worker=gpus, use_gpu=use).gpus for gpus, use in ((0.25, False), (None, True))] == [
        0.25,
        1,
    ]
    assert TrainOptions().gpus == 0
    with pytest.raises(ValueError, match="--gpus-per-worker 2: a model predicts on one GPU; give 1, or a fraction"):
        EvaluateOptions(gpus_per_worker=2.0)
