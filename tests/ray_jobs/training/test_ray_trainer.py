"""How workers learn of each other, and how films that are read while they start reach them or do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray.train

from ray_jobs.inputs.train_inputs import FilmsForWorkers
from ray_jobs.training import publish_films
from ray_jobs.training.ray_internals import LeanTrainer
from ray_jobs.training.ray_trainer import TensorFlowWorkers
from ray_jobs.training.timing import DRIVER, Timer


class Group:
    """Runs what a worker group would, here, and keeps the TF_CONFIG that each rank was given."""

    def __init__(self, workers: int) -> None:
        self.configs: list[Any] = [None] * workers

    def __len__(self) -> int:
        return len(self.configs)

    def execute(self, function: Any) -> list[Any]:
        return [function() for _ in self.configs]

    def execute_single(self, rank: int, function: Any, *arguments: Any) -> None:
        function(*arguments)
        self.configs[rank] = json.loads(os.environ.pop("TF_CONFIG"))


def test_every_worker_is_told_the_same_workers_and_its_own_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.util.get_node_ip_address", lambda: "10.0.0.7")
    group, config = Group(3), TensorFlowWorkers()
    config.backend_cls().on_start(group, config)
    workers = group.configs[0]["cluster"]["worker"]
    assert [told["cluster"]["worker"] for told in group.configs] == [workers] * 3
    assert [told["task"] for told in group.configs] == [{"type": "worker", "index": rank} for rank in range(3)]
    assert all(address.startswith("10.0.0.7:") for address in workers)


def test_a_single_worker_is_told_of_nobody() -> None:
    group, config = Group(1), TensorFlowWorkers()
    config.backend_cls().on_start(group, config)
    assert group.configs == [None]


@pytest.mark.slow
def test_the_driver_s_code_does_not_import_tensorflow() -> None:
    code = "import sys, ray_jobs.train_cnn, ray_jobs.training.driver; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def publishing(monkeypatch: pytest.MonkeyPatch, read: Any) -> tuple[Any, list[Any]]:
    """Return the context in which films are read, and what is published, on a channel that is none."""
    sent: list[Any] = []
    for name in ("get", "put"):
        monkeypatch.setattr(publish_films.ray, name, lambda value: value)
    channel: Any = SimpleNamespace(actor=SimpleNamespace(publish=SimpleNamespace(remote=sent.append)))
    return publish_films.published(FilmsForWorkers({}, read, {}), channel, Timer(DRIVER, None)), sent


def test_films_are_published_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    films: Any = {"train-0": "films"}
    context, sent = publishing(monkeypatch, lambda: films)
    with context as thread:
        thread.join(timeout=10)
    assert sent == [[films]]


def test_films_that_cannot_be_read_end_the_workers_and_the_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> Any:
        raise OSError("the disk is gone")

    context, sent = publishing(monkeypatch, read)
    with pytest.raises(OSError, match="the disk is gone"), context as thread:
        thread.join(timeout=10)
    assert sent == [None]


def test_only_processes_that_a_run_needs_are_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fails where a release of Ray names its callbacks otherwise, or starts processes by another way."""
    monkeypatch.setattr("ray.runtime_context.RuntimeContext.get_job_id", lambda _: "1")

    def started(ends_with_driver: bool, **datasets: Any) -> set[str]:
        run = ray.train.RunConfig(storage_path=str(tmp_path), name="run")
        trainer = LeanTrainer(print, run_config=run, datasets=datasets, ends_with_driver=ends_with_driver)
        return {type(callback).__name__ for callback in trainer._create_default_callbacks()}

    every = started(False, train=SimpleNamespace())
    assert every >= {"BackendSetupCallback", "DatasetsCallback", "CleanerCallback"}
    assert started(True, train=SimpleNamespace()) == every - {"CleanerCallback"}
    assert started(False) == every - {"DatasetsCallback"}
