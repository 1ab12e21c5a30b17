"""A cluster of machines that share nothing but a bucket, by the documented commands; and what happens to it.

Each test leaves the cluster as it found it: a head and a node, all resources free.
"""

from __future__ import annotations

import csv
import io
import os
import signal
import time

import pytest

from tests.nodes.conftest import STORE
from tests.nodes.machines import Cluster, Process, wait_until

pytestmark = [pytest.mark.nodes, pytest.mark.slow, pytest.mark.timeout(1200)]
TINY = ("--stem-filters", 4, "--block-filters", 8, "--dense-units", 16)
EPOCHS = 15
TIMES = ("seconds", "training_seconds", "films_per_second")


def training(cluster: Cluster, name: str, *more: object, workers: object = 2) -> tuple[object, ...]:
    """Return the command of a training run; its folder has a URI with options, its store that of the environment."""
    return (
        "ray_jobs/train_cnn.py", "--store", STORE, "--runs", cluster.network.uri("runs"), "--name", name,
        "--workers", workers, "--epochs", EPOCHS, "--batch-size", 8, *TINY, *more,
    )  # fmt: skip


def history(cluster: Cluster, name: str) -> list[dict[str, str]]:
    """Return the figures of each epoch of a run, without times; check that no epoch is missing or there twice."""
    rows = list(csv.DictReader(io.StringIO(cluster.network.read(f"runs/{name}/history.csv"))))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def until_epoch(cluster: Cluster, name: str, epoch: int, job: Process) -> None:
    """Wait until a run has finished an epoch."""

    def there() -> bool:
        assert job.poll() is None, job.communicate()[0]
        return any(f"/{name}/epoch-" in path and int(path.split("epoch-")[1][:3]) >= epoch
                   for path in cluster.network.paths("runs") if path.endswith("/checkpoint.json"))  # fmt: skip

    wait_until(there, f"epoch {epoch} of {name}", seconds=300, every=2)


def all_free(cluster: Cluster) -> None:
    """Wait until no CPU is in use."""
    wait_until(lambda: cluster.usage()["used"] < 0.01, "the CPUs to be free", seconds=60, every=2)


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster) -> list[dict[str, str]]:
    """Train on two workers, one on each machine; return the figures of each epoch."""
    job = cluster.submitted(*training(cluster, "undisturbed"))
    wait_until(lambda: all(machine.workers() for machine in cluster.network.machines), "a worker on each machine")
    said = job.communicate(timeout=420)[0]
    assert job.returncode == 0 and "on 2 workers" in said, said
    all_free(cluster)
    return history(cluster, "undisturbed")


def test_the_documented_commands(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """From a store to predictions, with every folder in the bucket: the way that docs/cluster.md gives."""
    assert len(undisturbed) == EPOCHS
    runs = cluster.network.uri("runs")
    sweep = ("ray_jobs/tune_cnn.py", "--store", STORE, "--runs", cluster.network.uri("sweeps"), "--name", "sweep")
    assert "2 of 2 trials ended" in cluster.submit(*sweep, "--trials", 2, "--epochs", 1, *TINY)
    report = cluster.network.uri("report")
    cluster.submit("ray_jobs/evaluate.py", "--store", STORE, "--runs", runs, "--report", report)
    assert "<html" in cluster.network.read("report/comparison.html")
    out = cluster.network.uri("out/predicted.csv")
    cluster.submit("ray_jobs/predict.py", "--model", runs, "--films", "s3://films/films", "--out", out)
    assert len(cluster.network.read("out/predicted.csv").splitlines()) > 150
    all_free(cluster)


def test_a_worker_is_killed(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """The run goes on by itself, to the same figures."""
    job = cluster.submitted(*training(cluster, "killed-worker"))
    until_epoch(cluster, "killed-worker", 2, job)
    cluster.network.machines[1].workers()[0].kill()
    said = job.communicate(timeout=420)[0]
    assert job.returncode == 0, said
    assert history(cluster, "killed-worker") == undisturbed
    all_free(cluster)


def test_a_node_is_killed_and_joins_again(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """The loss is said, the run waits and goes on by itself, to the same figures."""
    job = cluster.submitted(*training(cluster, "killed-node"))
    until_epoch(cluster, "killed-node", 2, job)
    node = cluster.network.machines[1]
    node.kill()
    wait_until(lambda: cluster.usage()["total"] == 1, "the loss of the node", seconds=90, every=2)
    cluster.join(node)
    said = job.communicate(timeout=420)[0]
    assert job.returncode == 0, said
    lost = (
        f"Node {node.address} is gone, 1 of 2 workers left: waiting up to 20 min for another, or stop and resume with"
    )
    assert said.count(lost) == 1 and "Training goes on with 2 workers" in said, said
    assert history(cluster, "killed-node") == undisturbed
    all_free(cluster)


def test_a_node_never_comes_back(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """The wait ends when it should, and the run goes on with the worker that is left."""
    job = cluster.submitted(*training(cluster, "lost-node", "--wait-for-nodes", 0.5))
    until_epoch(cluster, "lost-node", 2, job)
    node = cluster.network.machines[1]
    node.kill()
    said = job.communicate(timeout=240)[0]
    assert job.returncode != 0 and "waited 0.5 min for nodes" in said and "--resume" in said, said
    kept = history(cluster, "lost-node")
    assert 2 <= len(kept) < EPOCHS and kept == undisturbed[: len(kept)]
    cluster.submit(*training(cluster, "lost-node", "--resume", workers=1))
    after = history(cluster, "lost-node")
    assert after[: len(kept)] == kept and len(after) == EPOCHS
    all_free(cluster)
    cluster.join(node)


def test_an_elastic_run_loses_a_node_and_gets_it_back(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """Two workers, one, and two again, over one sequence of epochs."""
    job = cluster.submitted(*training(cluster, "elastic", "--epochs", 60, workers="1:2"))
    until_epoch(cluster, "elastic", 2, job)
    node = cluster.network.machines[1]
    before = len(history(cluster, "elastic"))
    node.kill()
    wait_until(lambda: cluster.usage()["total"] == 1, "the loss of the node", seconds=90, every=2)
    until_epoch(cluster, "elastic", before + 3, job)
    cluster.join(node)
    wait_until(node.workers, "a worker on the node that came", seconds=180)
    said = job.communicate(timeout=420)[0]
    assert job.returncode == 0, said
    assert f"Node {node.address} is gone, 1 of 2 workers left: going on with 1 worker" in said, said
    assert "Training goes on with 1 worker, 2 before" in said and "Training goes on with 2 workers, 1 before" in said
    figures = history(cluster, "elastic")
    assert len(figures) == 60
    # Until the loss, what two workers do; from then on other shuffles.
    assert figures[:2] == undisturbed[:2]
    assert float(figures[-1]["loss"]) < float(figures[0]["loss"])
    all_free(cluster)


def test_the_head_is_killed_and_started_again(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """The job is gone with its head; the same command with --resume ends in the same figures."""
    job = cluster.submitted(*training(cluster, "killed-head"))
    until_epoch(cluster, "killed-head", 2, job)
    for machine in cluster.network.machines:
        machine.kill()
    job.communicate(timeout=60)
    cluster.start_head()
    cluster.join(cluster.network.machines[1])
    cluster.submit(*training(cluster, "killed-head", "--resume"))
    assert history(cluster, "killed-head") == undisturbed
    all_free(cluster)


def test_a_job_is_stopped(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """By `ray job stop`; what was finished is kept, and --resume ends in the same figures."""
    options = ("--submission-id", f"stopped-{os.getpid()}")
    job = cluster.submitted(*training(cluster, "stopped"), options=options)
    until_epoch(cluster, "stopped", 2, job)
    cluster.head.run("ray", "job", "stop", options[1])
    said = job.communicate(timeout=60)[0]
    assert "Stopped by SIGTERM. What was finished is kept." in said, said
    all_free(cluster)
    cluster.submit(*training(cluster, "stopped", "--resume"))
    assert history(cluster, "stopped") == undisturbed


def test_two_sweeps_and_a_training_at_once(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """They take turns on two CPUs; none waits for ever, and the run's figures are those of a run alone."""
    sweeps = cluster.network.uri("sweeps")
    jobs = [
        cluster.submitted(
            "ray_jobs/tune_cnn.py", "--store", STORE, "--runs", sweeps, "--name", name, "--trials", 2, "--epochs", 1,
            "--max-concurrent", 1, "--cpus-per-worker", 0.3, *TINY,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    jobs.append(cluster.submitted(*training(cluster, "beside", "--cpus-per-worker", 0.3)))
    for job in jobs:
        said = job.communicate(timeout=600)[0]
        assert job.returncode == 0, said
    assert history(cluster, "beside") == undisturbed
    all_free(cluster)


def test_an_object_store_smaller_than_the_films(cluster: Cluster, undisturbed: list[dict[str, str]]) -> None:
    """They are read again in every epoch, which the job says."""
    said = cluster.submit(*training(cluster, "streamed", "--object-store-share", 1e-6))
    assert "are read again in every epoch" in said, said
    streamed = history(cluster, "streamed")
    assert len(streamed) == EPOCHS
    assert float(streamed[-1]["validation_loss"]) == pytest.approx(float(undisturbed[-1]["validation_loss"]), rel=0.2)
    all_free(cluster)


def test_nothing_is_left_of_jobs_that_were_killed(cluster: Cluster) -> None:
    """A submitted job whose command is ended goes on, as documented, and stops by `ray job stop`."""
    options = ("--submission-id", f"left-{os.getpid()}")
    job = cluster.submitted(*training(cluster, "left"), options=options)
    until_epoch(cluster, "left", 1, job)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    time.sleep(1)
    cluster.head.run("ray", "job", "stop", options[1])
    all_free(cluster)
