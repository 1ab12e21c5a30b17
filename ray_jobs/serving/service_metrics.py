"""Counters of a service in Prometheus' format, summed over its replicas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric

Snapshot = list[Metric]
"""All counters of a replica at one moment."""
Gather = Callable[[Snapshot], Awaitable[Sequence[Snapshot]]]
"""Gives a replica's snapshot to all, and returns the latest of every replica."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FILMS = (1, 2, 4, 8, 16, 32, 64, 128)


async def alone(own: Snapshot) -> Sequence[Snapshot]:
    """Gather nothing: of a service with one replica."""
    return [own]


class ServiceMetrics:
    """Counters of one replica."""

    def __init__(self, gather: Gather = alone) -> None:
        self._gather, self._registry = gather, CollectorRegistry()
        self.requests = Counter(
            "film_genres_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "film_genres_request_seconds", "Time to answer a request.", ["path"], registry=self._registry,
            buckets=_SECONDS,
        )  # fmt: skip
        self.in_progress = Gauge("film_genres_requests_in_progress", "Requests in progress.", registry=self._registry)
        self.batch_films = Histogram(
            "film_genres_batch_films", "Films predicted together.", registry=self._registry, buckets=_FILMS
        )

    def snapshot(self) -> Snapshot:
        """Return the counters as they are now."""
        return list(self._registry.collect())

    async def text(self) -> bytes:
        """Return the sums over all replicas in Prometheus' text format."""
        return generate_latest(_Sums(await self._gather(self.snapshot())))


class _Sums:
    """Sums of snapshots, which prometheus_client reads as it reads a registry."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterable[Metric]:
        """Yield each metric with the sums of its samples."""
        sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        kinds: dict[str, Metric] = {}
        for metric in (metric for snapshot in self._snapshots for metric in snapshot):
            kinds.setdefault(metric.name, metric)
            values = sums.setdefault(metric.name, {})
            for sample in metric.samples:
                if not sample.name.endswith("_created"):
                    key = sample.name, tuple(sample.labels.items())
                    values[key] = values.get(key, 0.0) + sample.value
        for name, first in kinds.items():
            metric = Metric(name, first.documentation, first.type)
            for (of, labels), value in sums[name].items():
                metric.add_sample(of, dict(labels), value)
            yield metric
