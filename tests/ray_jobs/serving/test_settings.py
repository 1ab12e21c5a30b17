"""Options of a service, from the command line and from Serve's YAML."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ray_jobs.cli.errors import TrainError
from ray_jobs.serving.settings import ServingOptions, parse_settings, require_extra


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model", ()),
        ("replicas", 0),
        ("max_batch_size", 0),
        ("batch_wait_ms", -1),
        ("max_queued_requests", 0),
        ("max_body_mb", 0),
        ("max_poster_pixels", 10**9),
        ("gpus_per_replica", 1.5),
        ("gpus_per_replica", -1),
    ],
)
def test_impossible_options_are_named(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} "):
        ServingOptions(**{option: value})


def test_gpus_may_be_shared_or_several() -> None:
    assert [ServingOptions(gpus_per_replica=gpus).gpus_per_replica for gpus in (0, 0.25, 1, 2)] == [0, 0.25, 1, 2]


def test_options_of_the_yaml() -> None:
    assert parse_settings({"model": "s3://bucket/runs", "replicas": 2}).model == ("s3://bucket/runs",)
    assert parse_settings({"model": ["a", "b"]}) == ServingOptions(model=("a", "b"))
    with pytest.raises(ValueError, match=r"unknown option of the service: replica; there are model, replicas"):
        parse_settings({"replica": 2})


def test_a_missing_extra_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(TrainError, match=r"fastapi.*: `pip install -e '\.\[serve\]'`"):
        require_extra()
