"""Asking a cluster for what it has, for what it can grow to, and for more."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ray_jobs.cli.errors import ClusterError
from ray_jobs.cluster import resources
from ray_jobs.cluster.ray_internals import autoscaler_limit
from ray_jobs.cluster.resources import (
    Resources,
    actors_for,
    cpus_per_task,
    gpu_room,
    trials_at_once,
    worker_resources,
)
from tests.jobs import ROOT

LAPTOP = Resources(cpus=2, gpus=0, nodes=1, object_store_bytes=1e9, most_cpus=2, most_gpus=0)
GROWING = Resources(cpus=3, gpus=0, nodes=1, object_store_bytes=1e9, most_cpus=35, most_gpus=8)


@pytest.mark.parametrize(("workers", "cpus"), [(1, 1.0), (2, 0.9)])
def test_workers_leave_something_for_reading_films(workers: int, cpus: float) -> None:
    asked = worker_resources(workers=workers, gpus=0, cpus_per_worker=None, have=LAPTOP)
    assert asked == {"CPU": cpus}


def test_on_kubernetes_any_number_of_workers_is_let_through() -> None:
    """There the limit is not known."""
    anything = replace(LAPTOP, most_cpus=math.inf, most_gpus=math.inf)
    assert worker_resources(workers=64, gpus=0, cpus_per_worker=None, have=anything) == {"CPU": 1.0}
    assert worker_resources(workers=8, gpus=1.0, cpus_per_worker=None, have=anything) == {"CPU": 1.0, "GPU": 1.0}


@pytest.mark.parametrize(("cpus", "actors"), [(1, 1), (2, 2), (2, 1), (3, 1), (8, 8)])
def test_actors_leave_a_task_something(monkeypatch: pytest.MonkeyPatch, cpus: float, actors: int) -> None:
    monkeypatch.setattr(resources, "resources", lambda: replace(LAPTOP, cpus=1, most_cpus=cpus))
    each = cpus_per_task(actors)
    assert 0 < each <= 1 and each * (actors + 1) <= cpus
    assert each == 1 or cpus < actors + 1


@pytest.mark.parametrize(("films", "actors"), [(0, 1), (1_000, 1), (1_001, 2), (2_000, 2), (100_000, 7)])
def test_a_model_is_loaded_for_each_full_share_of_films(
    monkeypatch: pytest.MonkeyPatch, films: int, actors: int
) -> None:
    """On 8 CPUs, of which one is left to read the films."""
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0})
    assert actors_for(films, each=1_000, gpus=0) == actors


def test_gpus_to_predict_on_are_refused_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "resources", lambda: LAPTOP)
    with pytest.raises(ClusterError, match="no GPU: leave it out"):
        actors_for(100, each=10, gpus=1.0)


def test_more_workers_than_cores_are_refused_unless_they_share_them() -> None:
    with pytest.raises(ClusterError, match=r"asked for 3 workers of 1 CPU each, but the cluster has 2 CPUs and 0 GPUs"):
        worker_resources(workers=3, gpus=0, cpus_per_worker=None, have=LAPTOP)
    assert worker_resources(workers=3, gpus=0, cpus_per_worker=0.5, have=LAPTOP) == {"CPU": 0.5}


def test_gpus_that_are_not_there_are_refused_and_those_that_can_come_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", raising=False)
    with pytest.raises(ClusterError, match="leave out --use-gpu"):
        worker_resources(workers=1, gpus=1.0, cpus_per_worker=None, have=LAPTOP)
    with pytest.raises(ClusterError, match=r"can grow to 35 CPUs and 8 GPUs: ask for --workers 8"):
        worker_resources(workers=9, gpus=1.0, cpus_per_worker=None, have=GROWING)
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "7")
    assert worker_resources(workers=8, gpus=1.0, cpus_per_worker=None, have=GROWING) == {"CPU": 1.0, "GPU": 1.0}


def test_the_limit_of_a_launched_cluster_is_read_from_its_configuration(tmp_path: Path) -> None:
    assert autoscaler_limit(tmp_path / "none.yaml") == {}
    config = tmp_path / "ray_bootstrap_config.yaml"
    kinds = {
        "head": {"resources": {"CPU": 3}},
        "gpu": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 8},
        "cpu": {"resources": {"CPU": 16}, "max_workers": 2},
    }
    config.write_text(yaml.safe_dump({"head_node_type": "head", "max_workers": 6, "available_node_types": kinds}))
    # Six nodes at most: 6 of 1 GPU each; or, for most CPUs, 2 of 16 and 4 of 4, and 3 on the head.
    assert autoscaler_limit(config) == {"CPU": 3 + 2 * 16 + 4 * 4, "GPU": 6}


def test_our_own_cluster_file_lets_gpu_workers_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_USAGE_STATS_KUBERAY_IN_USE", raising=False)
    # Spot and on demand together, but no more nodes than the cluster may have.
    assert autoscaler_limit(ROOT / "cluster.yaml")["GPU"] == 10


@pytest.mark.parametrize(
    ("requested", "workers", "cpus_per_worker", "wanted"),
    [
        (0, 1, None, (1.0, 2)),  # a core each
        (1, 1, None, (2.0, 1)),  # all cores for the only one
        (2, 1, None, (1.0, 2)),
        (0, 2, None, (0.9, 1)),  # two workers take the machine: one trial at a time, or each would wait for the other
        (0, 1, 0.5, (0.5, 4)),
        (4, 1, 0.5, (0.5, 4)),
    ],
)
def test_no_more_trials_run_than_there_is_room_for(
    requested: int, workers: int, cpus_per_worker: float | None, wanted: tuple[float, int]
) -> None:
    per_worker, max_concurrent = trials_at_once(
        requested=requested, workers=workers, gpus=0, cpus_per_worker=cpus_per_worker, have=LAPTOP
    )
    assert (per_worker["CPU"], max_concurrent) == wanted


def test_more_trials_at_a_time_than_fit_are_refused() -> None:
    with pytest.raises(ClusterError, match=r"has room for 2: ask for --max-concurrent 2"):
        trials_at_once(requested=3, workers=1, gpus=0, cpus_per_worker=None, have=LAPTOP)
    with pytest.raises(ClusterError, match=r"ask for --workers-per-trial 8"):
        trials_at_once(requested=0, workers=9, gpus=1.0, cpus_per_worker=None, have=GROWING)
    assert trials_at_once(requested=0, workers=2, gpus=1.0, cpus_per_worker=None, have=GROWING)[1] == 4


def test_on_kubernetes_as_many_trials_as_asked_for_are_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Resources(cpus=4, gpus=0, nodes=1, object_store_bytes=1e9, most_cpus=float("inf"), most_gpus=float("inf"))
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "7")
    assert trials_at_once(requested=64, workers=1, gpus=1.0, cpus_per_worker=None, have=endless)[1] == 64
    assert trials_at_once(requested=0, workers=1, gpus=0, cpus_per_worker=None, have=endless)[1] == 4


# -- shares of a GPU, and several -------------------------------------------------------------------------------------

ONE_GPU = Resources(cpus=16, gpus=1, nodes=1, object_store_bytes=1e9, most_cpus=16, most_gpus=1)


@pytest.mark.parametrize(
    ("total", "each", "fit"),
    [(1, 0.25, 4), (2, 0.4, 4), (1, 0.1, 10), (1, 1.0, 1), (8, 2.0, 4), (3, 2.0, 1), (0, 0.5, 0), (1, 2.0, 0)],
)
def test_workers_that_fit_on_gpus_by_hand(total: float, each: float, fit: float) -> None:
    assert gpu_room(total, each) == fit
    assert gpu_room(math.inf, each) == gpu_room(total, 0) == math.inf


def test_workers_share_a_gpu_and_no_more_than_fit() -> None:
    wanted = {"cpus_per_worker": None, "have": ONE_GPU, "gpus": 0.25}
    assert worker_resources(workers=4, **wanted) == {"CPU": 1.0, "GPU": 0.25}
    with pytest.raises(ClusterError, match=r"5 workers of 1 CPU and 0\.25 GPU each, .* ask for --workers 4, or add"):
        worker_resources(workers=5, **wanted)
    with pytest.raises(
        ClusterError, match=r"1 worker of 1 CPU and 2 GPUs each, .* ask for --gpus-per-worker 1, or add"
    ):
        worker_resources(workers=1, **{**wanted, "gpus": 2.0})


def test_a_sweep_fills_a_gpu_with_small_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"workers": 1, "cpus_per_worker": None, "have": ONE_GPU}
    assert trials_at_once(requested=0, gpus=0.25, **wanted) == ({"CPU": 1.0, "GPU": 0.25}, 4)
    assert trials_at_once(requested=0, gpus=1.0, **wanted) == ({"CPU": 1.0, "GPU": 1.0}, 1)
    with pytest.raises(ClusterError, match=r"asked for 3 trials at a time .* 0\.5 GPU each, but .* has room for 2"):
        trials_at_once(requested=3, gpus=0.5, **wanted)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 16.0, "GPU": 1.0})
    monkeypatch.setattr(resources, "resources", lambda: ONE_GPU)
    # Models that predict take a share each, too, and never more than one GPU.
    assert [actors_for(10_000, each=1_000, gpus=gpus) for gpus in (0.25, 1.0, 2.0)] == [4, 1, 1]
