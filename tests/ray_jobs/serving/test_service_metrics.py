"""Counters of several replicas as one text."""

from __future__ import annotations

import asyncio
import pickle

from prometheus_client.parser import text_string_to_metric_families

from ray_jobs.serving.service_metrics import ServiceMetrics, Snapshot


def test_counters_of_replicas_are_summed() -> None:
    other = ServiceMetrics()
    other.requests.labels("/predict", "200").inc(5)
    other.requests.labels("/", "200").inc()
    other.batch_films.observe(8)

    async def gather(own: Snapshot) -> list[Snapshot]:
        # As between processes.
        return [pickle.loads(pickle.dumps(own)), pickle.loads(pickle.dumps(other.snapshot()))]

    metrics = ServiceMetrics(gather)
    metrics.requests.labels("/predict", "200").inc(2)
    metrics.batch_films.observe(3)
    text = asyncio.run(metrics.text()).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    requests = {sample.labels["path"]: sample.value for sample in families["film_genres_requests"].samples}
    assert requests == {"/predict": 7, "/": 1}
    films = families["film_genres_batch_films"]
    assert films.type == "histogram"
    below = {sample.labels["le"]: sample.value for sample in films.samples if "le" in sample.labels}
    assert (below["2.0"], below["4.0"], below["8.0"], below["+Inf"]) == (0, 1, 2, 2)
    assert "_created" not in text
