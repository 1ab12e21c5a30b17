"""Whole ablations on a tiny sample, by the command a user types: what one leaves, killed, gone on with, extended."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ray_jobs._shared.sweep_folder import SweepFolder, Trial
from tests.conftest import ROOT, RunJob

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CURES = """
better words: {without: {tokenizer: split, fewest_uses: 1}}
focal loss: {what: counts less what is sure, with: {loss: focal}}
"""
TINY = ("epochs: 2", "embedding_units: 8", "first_lstm_units: 8", "max_tokens: 16", "second_lstm_units: 0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, run_job: RunJob) -> Path:
    store = tmp_path_factory.mktemp("ablations") / "store"
    run_job("prepare_data", "--store", store, "--films", "sample", "--sample-films", 200)
    (store.parent / "cures.yaml").write_text(CURES)
    return store


def command(store: Path, *more: object) -> list[str]:
    options = (
        "--model", "lstm", "--store", store, "--runs", store.parent / "runs", "--name", "apart",
        "--cures", store.parent / "cures.yaml", "--set", *TINY, "--resamples", 100, *more,
    )  # fmt: skip
    return [str(one) for one in options]


def trials_of(store: Path) -> dict[int, Trial]:
    return {trial.number: trial for trial in SweepFolder(str(store.parent / "runs"), "apart").trials()}


def test_an_ablation_killed_and_gone_on_with_tells_what_each_cure_bought(store: Path, run_job: RunJob) -> None:
    job = subprocess.Popen(
        [sys.executable, str(ROOT / "ray_jobs" / "ablate.py"), *command(store, "--seeds", 1)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 240
    while not any(trial.ended for trial in trials_of(store).values()):
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.2)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    before = {number: trial for number, trial in trials_of(store).items() if trial.ended}
    # The variants are known from the start, so that nobody takes one for a model to judge.
    folder = store.parent / "runs" / "apart"
    assert len(json.loads((folder / "ablation.json").read_text())["variants"]) == 4

    assert "--resume" in run_job("ablate", *command(store, "--seeds", 1), fails=True).stderr
    other = run_job("ablate", *command(store, "--seeds", 1, "--resume", "--metric", "validation_loss"), fails=True)
    assert "metric validation_mean_average_precision -> validation_loss" in other.stderr
    # Without any time it judges what there is, and says what it found.
    so_far = run_job("ablate", *command(store, "--seeds", 1, "--resume", "--time-budget", 0)).stdout
    assert re.search(r"[123] of 4 trainings ended", so_far) and "go on with --name apart --resume" in so_far
    known = json.loads((folder / "ablation.json").read_text())["variants"]
    assert any(run["figures"] for variant in known for run in variant["runs"])
    # More seeds are fine, and what had ended is not trained again.
    said = run_job("ablate", *command(store, "--seeds", 2, "--resume"))
    assert "8 of 8 trainings ended" in said.stdout and "Traceback" not in said.stdout + said.stderr
    after = trials_of(store)
    assert {number: after[number] for number in before} == before
    assert [trial.status for trial in after.values()] == ["finished"] * 8
    # The first seed of every variant comes before the second of any.
    assert [after[number].settings["seed"] for number in range(1, 9)] == [0] * 4 + [1] * 4

    told = json.loads((folder / "ablation.json").read_text())
    by_name = {variant["name"]: variant for variant in told["variants"]}
    assert set(by_name) == {"best", "coursework", "best without better words", "best with focal loss"}
    with_cure, without = (
        [run["figures"]["test"]["mean_average_precision"] for run in by_name[name]["runs"]]
        for name in ("best", "best without better words")
    )
    found = by_name["best without better words"]["bought"]["test"]["mean_average_precision"]
    assert found["by_seed"] == pytest.approx(np.subtract(with_cure, without))
    with (folder / "ablation_runs.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 8
    # Each was read as its own tokenizer cuts it: the checkpoints know other words.
    words = {}
    for name in ("best", "best without better words"):
        (kept,) = Path(by_name[name]["runs"][0]["path"]).glob("epoch-*")
        words[name] = set((kept / "vocabulary.txt").read_text().split("\n"))
    assert len(words["best"] ^ words["best without better words"]) > 20


def test_evaluate_judges_as_the_ablation_did_and_shows_it(store: Path, run_job: RunJob) -> None:
    """Runs after the test above, on what that one left."""
    runs, report = store.parent / "runs", store.parent / "report"
    told = json.loads((runs / "apart" / "ablation.json").read_text())
    metric = ("--metric", "validation_mean_average_precision")
    run_job("evaluate", "--store", store, "--runs", runs, "--report", report, "--resamples", 100, *metric)
    comparison = json.loads((report / "comparison.json").read_text())
    assert [one["name"] for one in comparison["ablations"]] == ["apart"]
    for name in ("comparison.html", "comparison.md"):
        assert "What each cure bought" in (report / name).read_text()
    # Of the ablation's trainings only those of the presets themselves stand for the kind.
    judged = comparison["models"]["lstm"]
    presets = {
        run["path"]: run["figures"]["test"]
        for variant in told["variants"]
        if variant["group"] == "preset"
        for run in variant["runs"]
    }
    figures = presets[judged["checkpoint"].rsplit("/", 1)[0]]
    metrics = judged["metrics"]
    assert figures["mean_average_precision"] == pytest.approx(metrics["mean_average_precision"], abs=1e-5)
    assert figures["micro_f1"] == pytest.approx(metrics["at_tuned"]["micro_f1"], abs=1e-5)
    assert figures["loss"] == pytest.approx(metrics["loss"], abs=1e-5)


def test_posters_that_do_not_fit_are_said_before_anything_runs(store: Path, run_job: RunJob) -> None:
    said = run_job("ablate", "--store", store, "--model", "cnn", "--set", "height: 32", fails=True)
    assert "--set 'height" in said.stderr and "Traceback" not in said.stderr
