"""Ray Data over a store's files."""

from __future__ import annotations

import pyarrow as pa
import pytest
import ray

from datasets.parts import each_part

EMPTY = pa.schema([("name", pa.string()), ("film", pa.int64())]).empty_table()


def three_films(name: str) -> pa.Table:
    return pa.table({"name": [name] * 3, "film": [0, 1, 2]}, schema=EMPTY.schema)


@pytest.mark.usefixtures("local_ray")
def test_a_block_for_each_name_in_their_order() -> None:
    names = [f"part-{number:02}" for number in range(12)]
    blocks = ray.get(each_part(names, three_films, empty=EMPTY).to_arrow_refs())
    assert blocks == [three_films(name) for name in names]


@pytest.mark.usefixtures("local_ray")
def test_tasks_fit_into_what_is_left_of_a_cpu() -> None:
    """Training workers may hold all but a share of a CPU; a task that asked for a whole one would wait for ever."""

    @ray.remote(num_cpus=1.75)
    class Worker:
        def wait(self) -> None: ...

    worker = Worker.remote()
    ray.get(worker.wait.remote())
    try:
        for names in ([], ["a", "b"]):
            parts = each_part(names, three_films, empty=EMPTY, cpus=0.25)
            parts = parts.map_batches(lambda films: films, batch_format="pyarrow", num_cpus=0.25)
            assert sum(map(len, parts.iter_batches(batch_size=None, batch_format="pyarrow"))) == 3 * len(names)
    finally:
        ray.kill(worker)


@pytest.mark.usefixtures("local_ray")
def test_no_name_gives_no_film_and_the_columns() -> None:
    assert ray.get(each_part([], three_films, empty=EMPTY).to_arrow_refs()) == [EMPTY]
