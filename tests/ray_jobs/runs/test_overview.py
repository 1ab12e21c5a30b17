"""The list of runs says of each in which state it is, how far and how good; run.json says how each launch went."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from ray_jobs.cli.errors import RunError, Terminated
from ray_jobs.runs import lease as leases
from ray_jobs.runs.launches import launched
from ray_jobs.runs.lease import lease
from ray_jobs.runs.overview import RunStatus, runs_below
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from tests.jobs import run_here
from tests.ray_jobs.epochs import epochs

OPTIONS = {"kind": "cnn", "recipe": {"epochs": 3, "seed": 7}, "config": {}}


def run(runs: Path, name: str, *losses: float, checkpoint: bool = True) -> RunFolder:
    """Write a run of these validation losses."""
    folder = RunFolder(str(runs), name)
    folder.write_options(OPTIONS)
    folder.write_history(epochs(*losses))
    if checkpoint:
        keep_checkpoint(folder, len(losses))
    return folder


def keep_checkpoint(folder: RunFolder, epoch: int) -> None:
    with folder.new_checkpoint(epoch) as local:
        (local / "checkpoint.json").write_text(
            json.dumps({"format": 1, "kind": "cnn", "epoch": epoch, "figures": {"validation_loss": 1.0}})
        )


def status(runs: Path) -> dict[str, RunStatus]:
    return {found.name: found for found in runs_below(str(runs))}


def launch(folder: RunFolder, error: BaseException | None = None) -> None:
    with launched(folder, metric="validation_loss", seed=7):
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (None, "done", ""),
        (KeyboardInterrupt(), "stopped", "by Ctrl-C; go on with --resume"),
        (Terminated(), "stopped", "by SIGTERM; go on with --resume"),
        (RunError("the run failed: out of luck"), "broken", "RunError: the run failed: out of luck"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_run_that_ended_says_how(error: BaseException | None, state: str, reason: str, tmp_path: Path) -> None:
    folder = run(tmp_path, "a/b", 0.5, 0.3, 0.4)
    try:
        launch(folder, error)
    except BaseException as raised:
        assert raised is error
    (found,) = runs_below(str(tmp_path))
    assert (found.name, found.study, found.model) == ("a/b", "run", "cnn")
    assert (found.state, found.reason) == (state, reason)
    assert (found.progress, found.best, found.best_epoch, found.best_trial) == ("3 of 3 epochs", 0.3, 2, 0)
    assert found.bytes == sum(path.stat().st_size for path in (tmp_path / "a" / "b").rglob("*") if path.is_file())
    assert found.launches == 1 and found.started <= found.ended


def test_each_launch_is_recorded_and_the_options_stay(tmp_path: Path) -> None:
    folder = run(tmp_path, "run", 0.5)
    with pytest.raises(RunError), launched(folder, resources={"workers": 2}, seed=7):
        assert folder.options()["launches"][-1]["outcome"] == "running"
        raise RunError("once")
    launch(folder)
    options = folder.options()
    first, second = options.pop("launches")
    assert options == OPTIONS
    assert (first["outcome"], first["reason"], first["resources"]) == ("failed", "RunError: once", {"workers": 2})
    assert (second["outcome"], second["seed"]) == ("done", 7)
    for record in (first, second):
        assert {"ray", "tensorflow", "keras", "python"} <= set(record["versions"])
        assert record["machine"]["cpus"] == os.cpu_count() and shlex.split(record["command"])[1:] == sys.argv
        assert record["seconds"] >= 0 and record["started"] <= record["ended"]


def test_what_trains_now_is_running_and_what_was_killed_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_WATCHED_S", 0.2)
    running, killed = run(tmp_path, "running", 0.5), run(tmp_path, "killed", 0.5, 0.4)
    for folder in (running, killed):
        folder.write_options({**OPTIONS, "launches": [{"outcome": "running", "machine": {"host": "node-7"}}]})
    # Another machine's lease, which no heartbeat renews.
    holder = {**leases._this_process(), "host": "node-7", "id": "x", "beats": 3}
    Path(killed.path, "lease.json").write_text(json.dumps(holder))
    with lease(running.path):
        found = status(tmp_path)
    assert found["running"].state == "running" and f"process {os.getpid()} on " in found["running"].reason
    assert found["killed"].state == "broken"
    assert found["killed"].reason == "killed, or node-7 is gone; go on with --resume"
    assert found["killed"].progress == "2 of 3 epochs"


def test_what_is_damaged_says_where(tmp_path: Path) -> None:
    Path(run(tmp_path, "options", 0.5).path, "run.json").write_text("{")
    Path(run(tmp_path, "history", 0.5).path, "history.csv").write_text("epoch,loss\n1,low\n")
    run(tmp_path, "emptied", 0.5, checkpoint=False)
    Path(run(tmp_path, "without", 0.5).path, "run.json").unlink()
    found = status(tmp_path)
    assert {one.state for one in found.values()} == {"broken"}
    assert f"{tmp_path}/options/run.json is damaged" in found["options"].reason
    assert f"{tmp_path}/history/history.csv is damaged" in found["history"].reason
    assert found["emptied"].reason == "none of its checkpoints is left"
    assert found["without"].reason == f"{tmp_path}/without has no run.json"


def test_runs_of_the_version_before_are_judged_by_their_epochs(tmp_path: Path) -> None:
    run(tmp_path, "whole", 0.5, 0.4, 0.3)
    run(tmp_path, "half", 0.5)
    found = status(tmp_path)
    assert (found["whole"].state, found["half"].state) == ("done", "stopped")
    assert found["half"].reason == "go on with --resume"


def test_a_sweep_is_counted_in_trials_and_its_best_is_a_trial_s(tmp_path: Path) -> None:
    folder = SweepFolder(str(tmp_path), "sweep")
    folder.write_options({**OPTIONS, "trials": 4, "metric": "validation_mean_average_precision"})
    trials: list[tuple[str, list[float]]] = [("finished", [0.2, 0.6]), ("failed", [0.9]), ("running", [0.4])]
    for number, (state, values) in enumerate(trials, start=1):
        folder.write_trial(Trial(number, {}, state))
        folder.trial_folder(number).write_history(epochs(*values))
        keep_checkpoint(folder.trial_folder(number), len(values))
    with launched(folder, metric="validation_mean_average_precision"):
        pass
    (found,) = runs_below(str(tmp_path))
    assert (found.study, found.state, found.progress) == ("sweep", "stopped", "2 of 4 trials")
    assert found.reason == "its time was up; go on with --resume"
    assert (found.best, found.best_trial, found.best_epoch) == (0.6, 1, 2)  # a failed trial's figure is no result
    (tmp_path / "sweep" / "ablation.json").write_text("{}")
    assert runs_below(str(tmp_path))[0].study == "ablation"


def test_the_job_prints_a_table_or_json(tmp_path: Path) -> None:
    launch(run(tmp_path, "run", 0.5, 0.25))
    said: Any = run_here("status", "--runs", tmp_path).stdout.splitlines()
    assert said[0].split() == ["name", "kind", "state", "progress", "best", "size"]
    assert said[1].startswith("run   cnn   done   2 of 3 epochs  validation loss 0.2500 (epoch 2)  0.0 MB")
    assert said[-1] == "1 run, 0.0 MB"
    (listed,) = json.loads(run_here("status", "--runs", tmp_path, "--json").stdout)
    assert (listed["state"], listed["best"], listed["of"]) == ("done", 0.25, 3)
    ended = run_here("status", "--runs", tmp_path / "none", fails=True)
    assert ended.returncode == 2 and "there is no such folder" in ended.stderr
    assert run_here("status", "--runs", tmp_path / "run").stdout.startswith("No runs in")
