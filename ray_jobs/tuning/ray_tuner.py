"""Ray Tune runs of the trials of a sweep or an ablation."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ray.tune

from datasets.storage import files
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import timestamp
from ray_jobs.cluster.ray_storage import ray_storage
from ray_jobs.training.job_setup import JobSetup
from ray_jobs.tuning.progress_callback import SweepCallback
from ray_jobs.tuning.schedulers import ResumableASHA, RunAll
from ray_jobs.tuning.searcher import TrialSearcher

_NEW_ACTORS = 1  # restarts of a trial whose process dies, from its last epoch
# A trial of several workers only waits for them, and they reserve their own resources. It must reserve no CPU, or its
# last worker might find none; so it reserves a fraction of a resource that every head node has.
_DRIVER = {"node:__internal_head__": 0.001}
_TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # trials write their own histories and TensorBoard events
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial reports a reason and no metric
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",  # time for a stopped trial to leave its reused process
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C reaches the job, which says so and ends with its own exit code
}
_WORKERS_GONE_S = 30
"""Longest wait for the workers of stopped trials to end; usually much shorter."""


@dataclass
class Stop:
    """A stop by Ctrl-C or SIGTERM that waits for the report on what was finished."""

    error: KeyboardInterrupt | None = None

    @contextlib.contextmanager
    def raised_after(self) -> Iterator[None]:
        """Raise the stop after the block, in place of an error of the block."""
        try:
            yield
        except TrainError:  # nothing was finished
            if self.error is None:
                raise
        if self.error is not None:
            raise self.error


@contextlib.contextmanager
def held_stop() -> Iterator[Stop]:
    """Hold back a stop that comes in the block."""
    stop = Stop()
    try:
        yield stop
    except KeyboardInterrupt as error:
        stop.error = error


def run_trials(
    trial: Callable[..., None],
    searcher: TrialSearcher,
    scheduler: ResumableASHA | RunAll,
    callback: SweepCallback,
    setup: JobSetup,
    *,
    folder: str,
    trials: int,
    minutes: float | None,
) -> None:
    """Run trials under Ray Tune until all have ended or the time is up.

    Args:
        trial: trains one trial, given {"number", "settings"}.
        searcher: suggests the trials.
        scheduler: stops trials early.
        callback: records their results.
        setup: the workers of each trial, and how many trials run at the same time.
        folder: the folder of the sweep.
        trials: number of trials to run.
        minutes: time budget; None for no limit.
    """
    for name, value in _TUNE_SETTINGS.items():
        os.environ.setdefault(name, value)
    # Ray logs long tracebacks of trials that die; `SweepCallback` prints a line. Errors of the sweep itself are raised.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    in_process = setup.workers == 1
    before = _reserved()
    tuner = ray.tune.Tuner(
        ray.tune.with_resources(trial, setup.per_worker if in_process else _DRIVER),
        tune_config=ray.tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=trials,
            max_concurrent_trials=setup.max_concurrent,
            time_budget_s=minutes * 60 if minutes is not None else None,
            # The next trial reuses the process of the one that ended, which has imported TensorFlow.
            reuse_actors=in_process,
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']:03d}",
        ),
        run_config=ray.tune.RunConfig(
            name=timestamp(),
            **ray_storage(files.join(folder, "tune")),
            failure_config=ray.tune.FailureConfig(max_failures=_NEW_ACTORS),
            callbacks=[callback],
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        callback.mark_interrupted()
    # Ray Train writes and deletes checkpoints of a stopped trial until its own processes have ended.
    deadline = time.monotonic() + _WORKERS_GONE_S
    while not in_process and _reserved() - before and time.monotonic() < deadline:
        time.sleep(0.1)


def _reserved() -> set[str]:
    """Return the ids of the placement groups in use: each Ray Train run has one."""
    return {group_id for group_id, group in ray.util.placement_group_table().items() if group["state"] != "REMOVED"}
