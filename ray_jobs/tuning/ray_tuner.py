"""Letting Ray Tune run trials: of a sweep, or of an ablation."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

import ray.tune

from datasets.storage import files
from ray_jobs.cli.options import timestamp
from ray_jobs.tuning.progress_callback import Watch
from ray_jobs.tuning.schedulers import Halving, NoHalving
from ray_jobs.tuning.searcher import Plan

_NEW_ACTORS = 1  # a trial whose process dies is started again so often, from its last epoch
# A trial of several workers only waits for them, and they reserve their own. It may ask for no CPU, or the last of its
# workers might find none; so it asks for a crumb of what every head node has, where drivers run anyway.
_DRIVER = {"node:__internal_head__": 0.001}
_TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # trials write their own histories and TensorBoard events
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that failed reports why, and no figure
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",  # time for a stopped trial to leave the process it hands on
    "RAY_AIR_NEW_OUTPUT": "0",
}
_WORKERS_GONE_S = 30
"""Wait so long for the workers of trials that were stopped to be gone; what they reserved is free well before."""


def run_trials(
    trial: Callable[..., None],
    plan: Plan,
    scheduler: Halving | NoHalving,
    watch: Watch,
    *,
    sweep: str,
    per_worker: dict[str, float],
    workers: int,
    trials: int,
    at_once: int,
    minutes: float | None,
) -> None:
    """Let Ray Tune run trials until all have ended, or the time is over.

    Args:
        trial: trains one, given {"number", "settings"}.
        plan: says which come next.
        scheduler: says which stop early.
        watch: records what comes of them.
        sweep: the folder of the sweep.
        per_worker: what each worker of a trial asks of Ray.
        workers: of each trial.
        trials: to run.
        at_once: of them.
        minutes: after which to end; None is never.
    """
    for name, value in _TUNE_SETTINGS.items():
        os.environ.setdefault(name, value)
    # A trial that dies would print pages; `Watch` says it in a line, and what breaks the sweep itself is raised.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    here = workers == 1
    before = _reserved()
    tuner = ray.tune.Tuner(
        ray.tune.with_resources(trial, per_worker if here else _DRIVER),
        tune_config=ray.tune.TuneConfig(
            search_alg=plan,
            scheduler=scheduler,
            num_samples=trials,
            max_concurrent_trials=at_once,
            time_budget_s=minutes * 60 if minutes is not None else None,
            # The next trial takes over the process of the one that ended: TensorFlow is imported once for each.
            reuse_actors=here,
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']:03d}",
        ),
        run_config=ray.tune.RunConfig(
            name=timestamp(),
            storage_path=files.join(sweep, "tune"),
            failure_config=ray.tune.FailureConfig(max_failures=_NEW_ACTORS),
            callbacks=[watch],
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        watch.over()
    # Ray Train writes and removes checkpoints of a trial that was stopped until its own processes are gone too.
    patience = time.monotonic() + _WORKERS_GONE_S
    while not here and _reserved() - before and time.monotonic() < patience:
        time.sleep(0.1)


def _reserved() -> set[str]:
    """Return the ids of the placement groups there are: workers of a run of Ray Train have one."""
    return {name for name, told in ray.util.placement_group_table().items() if told["state"] != "REMOVED"}
