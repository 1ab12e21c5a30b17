"""What lies behind the errors that Ray hands on, and what a person is told of them."""

from __future__ import annotations

import errno

import pytest
import ray
import ray.data
import ray.train
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback

from datasets.store.film_store import StoreError
from ray_jobs.cli.errors import TrainError, is_disk_full, reason
from ray_jobs.cli.runner import _user_message

FULL = OSError(errno.ENOSPC, "No space left on device")


def of_workers(error: Exception) -> TrainError:
    """A failed run of several workers, as `run_workers` raises it."""
    by_rank = {1: UserExceptionWithTraceback(error, "Traceback (most recent call last): a page of it")}
    failed = TrainError("the run failed")
    failed.__cause__ = ray.train.WorkerGroupError("a worker failed", by_rank)
    return failed


@pytest.mark.parametrize(("error", "full"), [(FULL, True), (OSError(errno.EDQUOT, "quota"), True), (OSError(), False)])
def test_a_full_disk_is_known_in_whatever_it_is_wrapped(error: OSError, full: bool) -> None:
    assert is_disk_full(error) == is_disk_full(of_workers(error)) == full


def test_the_reason_is_the_innermost_one() -> None:
    assert reason(of_workers(ValueError("a page\nloss is nan"))) == "ValueError: loss is nan"
    assert reason(KeyError()) == "KeyError: KeyError()"
    circle = ValueError("a circle")
    circle.__cause__ = circle
    assert reason(circle) == "ValueError: a circle"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TrainError("take a larger batch"), "take a larger batch"),
        (of_workers(FULL), "the run failed"),
        (FULL, "[Errno 28] No space left on device. What was finished is kept."),
        (OSError(errno.EIO, "broken"), ""),
        (ZeroDivisionError("ours"), ""),
    ],
)
def test_what_is_meant_for_a_person_is_told_apart_from_our_own_faults(error: Exception, said: str) -> None:
    assert _user_message(error) == said


@pytest.mark.cluster
@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(
    ("error", "said"),
    [(StoreError("remove that folder"), "remove that folder"), (FULL, f"{FULL}. What was finished is kept.")],
)
def test_the_same_from_a_task_of_ray_data(error: Exception, said: str) -> None:
    def fail(_: object) -> object:
        raise error

    with pytest.raises(Exception) as raised:
        ray.data.range(1).map_batches(fail).materialize()
    assert _user_message(raised.value) == said
