"""A store's files dealt out to Ray Data's tasks."""

from __future__ import annotations

import pyarrow as pa
import pytest
import ray

from datasets.store.shards import map_shards, num_tasks, read_shards

EMPTY = pa.schema([("name", pa.string()), ("film", pa.int64())]).empty_table()


def named(parts: int) -> list[str]:
    return [f"part-{number:04}" for number in range(parts)]


def three_films(name: str) -> pa.Table:
    return pa.table({"name": [name] * 3, "film": [0, 1, 2]}, schema=EMPTY.schema)


@pytest.fixture
def cpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Stand in for what the cluster says that it has."""
    have = {"CPU": 2.0}
    monkeypatch.setattr(ray, "cluster_resources", lambda: have)
    return have


@pytest.mark.parametrize(("parts", "tasks"), [(0, 1), (1, 1), (64, 64), (65, 64), (2_000, 64)])
@pytest.mark.usefixtures("cpus")
def test_tasks_do_not_grow_with_the_parts(parts: int, tasks: int) -> None:
    assert num_tasks(parts) == tasks


def test_every_core_has_several_tasks(cpus: dict[str, float]) -> None:
    cpus["CPU"] = 100.0
    assert num_tasks(2_000) == 800
    cpus["CPU"] = 4_000.0
    assert num_tasks(2_000) == 2_000


@pytest.mark.usefixtures("cpus")
def test_a_task_holds_a_bounded_number_of_bytes() -> None:
    assert num_tasks(2_000, part_bytes=1e3) == 64
    assert num_tasks(2_000, part_bytes=10e6) == 666  # three parts each
    assert num_tasks(2_000, part_bytes=100e6) == 2_000


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("parts", [0, 3, 130])
def test_parts_are_read_in_their_order_whoever_reads_them(parts: int) -> None:
    read = read_shards(named(parts), three_films, EMPTY)
    assert pa.concat_tables(ray.get(read.to_arrow_refs())) == pa.concat_tables([EMPTY, *map(three_films, named(parts))])


@pytest.mark.usefixtures("local_ray")
def test_every_part_is_done_once() -> None:
    done = map_shards(named(130), lambda name: {"name": name, "film": 7}, EMPTY.schema)
    rows = [row for table in done.iter_batches(batch_size=None, batch_format="pyarrow") for row in table.to_pylist()]
    assert sorted(row["name"] for row in rows) == named(130)
    assert {row["film"] for row in rows} == {7}


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("parts", [0, 3])
def test_tasks_fit_into_what_is_left_of_a_cpu(parts: int) -> None:
    """Training workers may hold all but a share of a CPU; a task that asked for a whole one would wait for ever."""

    @ray.remote(num_cpus=1.75)
    class Worker:
        def wait(self) -> None: ...

    worker = Worker.remote()
    ray.get(worker.wait.remote())
    try:
        read = read_shards(named(parts), three_films, EMPTY, cpus=0.25)
        read = read.map_batches(lambda films: films, batch_format="pyarrow", num_cpus=0.25)
        assert sum(map(len, read.iter_batches(batch_size=None, batch_format="pyarrow"))) == 3 * parts
    finally:
        ray.kill(worker)
