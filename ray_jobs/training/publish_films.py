"""Reading of the films while the workers start, and their publication to the workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import ray

from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.inputs.train_inputs import FilmsForWorkers
from ray_jobs.training.timing import Timer


@contextlib.contextmanager
def published(films: FilmsForWorkers, channel: ProgressChannel, timer: Timer) -> Iterator[threading.Thread]:
    """Read the films in a thread during the block, and publish them to the workers.

    An error is raised after the block: workers that receive no films return at once.
    """
    failures: list[BaseException] = []

    def read() -> None:
        datasets = None
        try:
            with timer.span("reading the films"):
                datasets = films.read()
        except BaseException as error:  # raised after the block
            failures.append(error)
        with contextlib.suppress(ray.exceptions.RayError):  # the run has ended before the films were read
            # As a reference in a list: the channel's actor forwards it without unpickling the films' classes.
            ray.get(channel.actor.publish.remote(None if datasets is None else [ray.put(datasets)]))

    thread = threading.Thread(target=read, daemon=True, name="read films")
    thread.start()
    try:
        yield thread
    finally:
        if failures:
            raise failures[0]
