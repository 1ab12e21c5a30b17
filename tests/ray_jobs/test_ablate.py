"""Whole ablations on a tiny sample, by the command a user types: what one leaves, killed, gone on with, extended."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from tests.conftest import RunJob
from tests.jobs import kill_group, started_on, wait_for
from tests.ray_node import Head

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ABLATION_COMPONENTS = """
better words: {ablated: {tokenizer: split, min_count: 1}}
focal loss: {description: counts less what is sure, added: {loss: focal}}
"""
TINY = ("epochs: 2", "embedding_units: 8", "first_lstm_units: 8", "max_tokens: 16", "second_lstm_units: 0")


def trials_of(runs: Path) -> dict[int, Trial]:
    return {trial.number: trial for trial in SweepFolder(str(runs), "apart").trials()}


@dataclass(frozen=True)
class Ablated:
    """What was seen of an ablation of four variants that was killed, gone on with, and extended to two seeds."""

    runs: Path
    at_the_start: int
    """Variants in ablation.json when the first training had ended."""
    before: dict[int, Trial]
    """Trainings that had ended when it was killed."""
    taken: str
    """What stood on stderr when it was started again without --resume."""
    otherwise: str
    """What stood on stderr when it was to go on by another metric."""
    so_far: str
    """What stood on stdout when it was to go on without any time."""
    known: list[dict[str, Any]]
    """The variants in ablation.json after that."""
    said: str
    """What stood on stdout and stderr when it had gone on to its end."""

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.runs / "apart" / "ablation.json").read_text())


@pytest.fixture(scope="module")
def ablated(tmp_path_factory: pytest.TempPathFactory, sample_store: Path, run_job: RunJob, ray_head: Head) -> Ablated:
    folder = tmp_path_factory.mktemp("ablations")
    (folder / "components.yaml").write_text(ABLATION_COMPONENTS)
    runs, result = folder / "runs", folder / "runs" / "apart" / "ablation.json"
    common = (
        "--model", "lstm", "--store", sample_store, "--runs", runs, "--name", "apart", "--components",
        folder / "components.yaml", "--set", *TINY, "--resamples", 100, "--max-concurrent", 1, "--seeds",
    )  # fmt: skip
    with started_on(ray_head, "ablate", *common, 1) as job:
        wait_for(lambda: any(trial.ended for trial in trials_of(runs).values()), job)
        kill_group(job)
    at_the_start = len(json.loads(result.read_text())["variants"])
    before = {number: trial for number, trial in trials_of(runs).items() if trial.ended}
    taken = run_job("ablate", *common, 1, fails=True).stderr
    otherwise = run_job("ablate", *common, 1, "--resume", "--metric", "validation_loss", fails=True).stderr
    so_far = run_job("ablate", *common, 1, "--resume", "--time-budget", 0).stdout
    known = json.loads(result.read_text())["variants"]
    end = run_job("ablate", *common, 2, "--resume")
    return Ablated(runs, at_the_start, before, taken, otherwise, so_far, known, end.stdout + end.stderr)


def test_an_ablation_s_variants_are_known_from_the_start(ablated: Ablated) -> None:
    """So that nobody takes one for a model to evaluate."""
    assert ablated.at_the_start == 4


def test_an_ablation_is_gone_on_with_by_resume_alone_and_as_it_was(ablated: Ablated) -> None:
    assert "--resume" in ablated.taken
    assert "metric validation_mean_average_precision -> validation_loss" in ablated.otherwise


def test_an_ablation_without_time_evaluates_what_there_is(ablated: Ablated) -> None:
    assert re.search(r"[123] of 4 trainings ended", ablated.so_far)
    assert "go on with --name apart --resume" in ablated.so_far
    assert any(run["figures"] for variant in ablated.known for run in variant["runs"])


def test_more_seeds_are_fine_and_what_had_ended_is_not_trained_again(ablated: Ablated) -> None:
    assert "8 of 8 trainings ended" in ablated.said and "Traceback" not in ablated.said
    after = trials_of(ablated.runs)
    assert ablated.before and {number: after[number] for number in ablated.before} == ablated.before
    assert [trial.status for trial in after.values()] == ["finished"] * 8
    # The first seed of every variant comes before the second of any.
    assert [after[number].settings["seed"] for number in range(1, 9)] == [0] * 4 + [1] * 4


def test_the_effect_of_a_component_is_the_difference_of_its_trainings(ablated: Ablated) -> None:
    by_name = {variant["name"]: variant for variant in ablated.result["variants"]}
    assert set(by_name) == {"best", "coursework", "best without better words", "best with focal loss"}
    with_component, without = (
        [run["figures"]["test"]["mean_average_precision"] for run in by_name[name]["runs"]]
        for name in ("best", "best without better words")
    )
    found = by_name["best without better words"]["effect"]["test"]["mean_average_precision"]
    assert found["by_seed"] == pytest.approx(np.subtract(with_component, without))
    with (ablated.runs / "apart" / "ablation_runs.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 8


def test_each_training_reads_as_its_own_tokenizer_cuts(ablated: Ablated) -> None:
    by_name = {variant["name"]: variant for variant in ablated.result["variants"]}
    words = {}
    for name in ("best", "best without better words"):
        (kept,) = Path(by_name[name]["runs"][0]["path"]).glob("epoch-*")
        words[name] = set((kept / "vocabulary.txt").read_text().split("\n"))
    assert len(words["best"] ^ words["best without better words"]) > 20


def test_evaluate_evaluates_as_the_ablation_did_and_shows_it(
    ablated: Ablated, sample_store: Path, tmp_path: Path, run_job: RunJob
) -> None:
    report, told = tmp_path / "report", ablated.result
    options = ("--resamples", 100, "--metric", "validation_mean_average_precision")
    run_job("evaluate", "--store", sample_store, "--runs", ablated.runs, "--report", report, *options)
    comparison = json.loads((report / "comparison.json").read_text())
    assert [one["name"] for one in comparison["ablations"]] == ["apart"]
    for name in ("comparison.html", "comparison.md"):
        assert "The effect of each component" in (report / name).read_text()
    # Of the ablation's trainings only those of the presets themselves stand for the kind.
    eval_set = comparison["models"]["lstm"]
    presets = {
        run["path"]: run["figures"]["test"]
        for variant in told["variants"]
        if variant["group"] == "preset"
        for run in variant["runs"]
    }
    figures = presets[eval_set["checkpoint"].rsplit("/", 1)[0]]
    metrics = eval_set["metrics"]
    assert figures["mean_average_precision"] == pytest.approx(metrics["mean_average_precision"], abs=1e-5)
    assert figures["micro_f1"] == pytest.approx(metrics["at_tuned"]["micro_f1"], abs=1e-5)
    assert figures["loss"] == pytest.approx(metrics["loss"], abs=1e-5)


def test_posters_that_do_not_fit_are_said_before_anything_runs(sample_store: Path, run_job: RunJob) -> None:
    said = run_job("ablate", "--store", sample_store, "--model", "cnn", "--set", "height: 32", fails=True)
    assert "--set 'height" in said.stderr and "Traceback" not in said.stderr
