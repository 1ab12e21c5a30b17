"""Options that jobs share, and the way a job reads its command line and ends on an error."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

HOME = "~/film-genres"
"""Where everything goes that was not given a place: never the checkout, nor a job's working directory."""


def at_home(*names: str) -> str:
    """Return a path below the home folder, `~` expanded."""
    return str(Path(HOME, *names).expanduser())


@dataclass(frozen=True)
class TrainOptions:
    """How a training job runs; the model's and the recipe's own options come beside these."""

    store: str = at_home("store")
    """The film store to train on: a folder or a URI such as s3://bucket/store. The default one is made of the drawn
    sample where it is missing."""
    runs: str = at_home("runs")
    """Where runs are kept: a folder or URI that every worker can write to."""
    name: str = ""
    """The run's name below --runs; by default the model and the time."""
    workers: int = 1
    """Training workers (processes); with --use-gpu each has one GPU."""
    use_gpu: bool = False
    """Train on GPUs, one for each worker."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves; by default 1, or a little less where that would leave none to read films."""
    resume: bool = False
    """Go on with the run --name from its last epoch, with the same options (more --epochs are fine)."""
    shuffle_window: int = 16_384
    """Films each worker holds in memory to draw its batches from; where they are all, shuffling is complete."""
    object_store_share: float = 0.5
    """Training films are kept decoded in Ray's object store, and not read again every epoch, if they take at most
    this share of it."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"--workers must be at least 1, not {self.workers}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the run to go on with")


_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)  # a full disk, a folder one may not write

Options = TypeVar("Options")


def run_job(main: Callable[[Any], Any], options: type[Any]) -> None:
    """Read the options from the command line, run the job, and end with one clear message if it cannot be done."""
    import tyro

    description = sys.modules[main.__module__].__doc__
    try:
        given = tyro.cli(options, description=description, config=(tyro.conf.OmitArgPrefixes,))
        main(given)
    except _expected() as error:
        _say(f"\nStopped: {error}")
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        _say(f"\nStopped: {error}. What was finished is kept.")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("\nStopped by you. What was finished is kept.")
        sys.exit(130)


def _expected() -> tuple[type[BaseException], ...]:
    """Return the errors whose message is made for the person; any other is a fault of ours and shows its traceback."""
    from datasets.films import FilmsError
    from datasets.store import StoreError
    from genre_models.checkpoint import CheckpointError
    from ray_jobs._shared.cluster import ClusterError
    from ray_jobs._shared.train import TrainError

    return (FilmsError, StoreError, CheckpointError, ClusterError, TrainError)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def timestamp() -> str:
    """Return the local time as part of a file name, to the second."""
    return time.strftime("%Y%m%d-%H%M%S")
