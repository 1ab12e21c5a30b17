"""The model of a step's time: by hand, and found again from steps that it made."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def step_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    monkeypatch.delitem(sys.modules, "step_time", raising=False)
    return importlib.import_module("step_time")


def test_rings_by_hand(step_time: Any) -> None:
    assert step_time.ring_seconds(1, 8e6, 1e-3, 1e6) == 0
    # Two workers: each sends half, gets the sum of the other half, 2 messages in all, 8 MB at 4 MB/s.
    assert step_time.ring_seconds(2, 8e6, 0.5, 4e6) == pytest.approx(2 * 0.5 + 2.0)
    # Four: 6 messages of a quarter each.
    assert step_time.ring_seconds(4, 8e6, 0.5, 4e6) == pytest.approx(6 * 0.5 + 6 * 0.5)
    assert step_time.gradient_traffic(4, 1_000_000) == 6_000_000
    assert step_time.gradient_traffic(1, 1_000_000) == 0


def test_across_nodes_only_the_sums_travel(step_time: Any) -> None:
    options = step_time.Options(
        gpus_a_node=4, nvlink_gb_s=4, nvlink_hop_us=0, ethernet_gb_s=1, ethernet_hop_us=0, overhead_ms=1
    )
    # 6 quarters of 4 GB at 4 GB/s in the node; then 4 GB between two nodes at 1 GB/s.
    assert step_time.hierarchical_seconds(4, 4e9, options) == pytest.approx(1.5)
    assert step_time.hierarchical_seconds(8, 4e9, options) == pytest.approx(1.5 + 4)


def test_more_gpus_do_more_and_lose_more(step_time: Any) -> None:
    model = step_time.Model("cnn", False, parameters=3_464_601, flop=92e6)
    told = [step_time.predicted(model, gpus, 64, step_time.Options()) for gpus in (1, 8, 64, 512)]
    assert told[0]["efficiency"] == 1 and told[0]["reduce"] == told[0]["waiting"] == 0
    assert [one["efficiency"] for one in told] == sorted((one["efficiency"] for one in told), reverse=True)
    assert [one["films_per_second"] for one in told] == sorted(one["films_per_second"] for one in told)
    half = step_time.predicted(model, 512, 64, step_time.Options(gradient_bytes=2))
    assert told[3]["reduce"] / 2 < half["reduce"] < told[3]["reduce"]


def test_a_fit_finds_what_made_the_steps(step_time: Any) -> None:
    true = step_time.Fit(fixed_s=0.02, film_s=0.003, sharing=1.2, hop_s=0.001, bandwidth=5e8, cores=2)
    alone = [step_time.Step(1, batch, true.seconds(1, batch, 0)) for batch in (16, 32, 64)]
    nothing_sent = step_time.Fit(**{**vars(true), "hop_s": 0.0})
    together = [step_time.Step(n, batch, nothing_sent.seconds(n, batch, 0)) for n in (2, 4) for batch in (16, 64)]
    rings = [
        (n, size, max(1, n / 2) * step_time.ring_seconds(n, size, true.hop_s, true.bandwidth))
        for n in (2, 4)
        for size in (4.0, 4e6, 16e6)
    ]
    found = step_time.fit(alone, together, rings, cores=2)
    for name in ("fixed_s", "film_s", "sharing", "hop_s", "bandwidth"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), rel=1e-6)
    assert found.seconds(4, 64, 16e6) == pytest.approx(true.seconds(4, 64, 16e6))
