"""Figures of each epoch go to Ray's metrics, and the Grafana dashboard shows every one of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ray_jobs.training import run_metrics
from ray_jobs.training.run_metrics import COUNTER, GAUGES, RunMetrics
from tests.jobs import ROOT
from tests.ray_jobs.epochs import epochs


class Instrument:
    """A gauge or counter that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[float, dict[str, str]]] = []

    def set(self, value: float, tags: dict[str, str]) -> None:
        self.given.append((value, tags))

    inc = set


def test_an_epoch_sets_each_gauge_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    gauges: dict[str, Any] = {name: Instrument() for name in GAUGES}
    counter = Instrument()
    monkeypatch.setattr(run_metrics, "_instruments", lambda: (gauges, counter))
    writer = RunMetrics("s3://bucket/runs/tune-été/trial-007?scheme=http&endpoint_override=localhost:9000")
    for epoch in epochs(0.5, 0.25):
        writer.write(epoch)
    tags = {"run": "tune-%C3%A9t%C3%A9/trial-007"}  # Ray's tags take ASCII alone
    assert gauges["film_genres_validation_loss"].given == [(0.5, tags), (0.25, tags)]
    assert [value for value, _ in gauges["film_genres_epoch"].given] == [1.0, 2.0]
    assert gauges["film_genres_films_per_second"].given[0][0] == 100.0
    assert all(len(gauge.given) == 2 for gauge in gauges.values())
    assert counter.given == [(1.0, tags), (1.0, tags)]


def test_the_dashboard_shows_all_metrics_and_no_others() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text("utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = set(re.findall(r"ray_(film_genres_\w+)", " ".join(expressions)))
    assert shown == {*GAUGES, COUNTER}
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$(\w+)", " ".join(expressions))) <= variables == {"datasource", "run"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
