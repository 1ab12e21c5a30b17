"""The files that films lie in, as Ray Data's tasks: one for each file while they are few, for several when many.

The driver keeps 12 kB of its memory for each of Ray's tasks and 42 for each object that it hands out, so that their
number must not grow with the films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import ray.data

_TASKS = 64
_TASKS_A_CPU = 8  # so that no core waits for long at the end
_MOST_BYTES = 32_000_000  # of films that one task holds


def num_tasks(parts: int, *, part_bytes: float = 0) -> int:
    """Return to how many tasks parts are dealt out.

    Args:
        parts: how many there are.
        part_bytes: what the films of one take in memory. A task gets no more parts than 32 MB hold, though the tasks
            be more for it.

    Returns:
        As many tasks as parts, until there are 64, or 8 for each of the cluster's CPUs.
    """
    import ray

    fewest = parts / max(1, int(_MOST_BYTES / part_bytes)) if part_bytes else 0
    tasks = max(_TASKS, _TASKS_A_CPU * ray.cluster_resources().get("CPU", 0), fewest)
    return max(1, min(parts, int(tasks)))


def shard_paths(paths: Sequence[str], *, part_bytes: float = 0) -> ray.data.Dataset:
    """Return the files' names, in a column "path", dealt out as `num_tasks` says.

    They come by `from_items`, not by `from_arrow`, which starts a task of a whole CPU for each of its tables to look at
    it: beside training workers that hold the CPUs it waits for ever.
    """
    import ray.data

    tasks = num_tasks(len(paths), part_bytes=part_bytes)
    return ray.data.from_items([{"path": path} for path in paths], override_num_blocks=tasks)


def read_shards(
    paths: Sequence[str],
    read: Callable[[str], pa.Table],
    empty: pa.Table,
    *,
    cpus: float = 1,
    part_bytes: float = 0,
) -> ray.data.Dataset:
    """Apply `read` to each file through Ray Data, keeping the files' order.

    Args:
        paths: the files.
        read: reads one, within a task.
        empty: what there is where there are no files: its columns and no rows.
        cpus: what a task asks of Ray: less than 1 where training workers leave no whole CPU free.
        part_bytes: as in `num_tasks`.

    Tasks are given file names rather than left to `ray.data.read_parquet`: that looks into the files first
    (1 to 3 s here, at every start) and merges the blocks, so that fewer cores can work on them.
    """
    import ray.data

    def read_each(table: pa.Table) -> Iterator[pa.Table]:
        for path in table["path"].to_pylist():
            yield read(path)

    if not paths:
        return ray.data.from_blocks([empty])
    names = shard_paths(paths, part_bytes=part_bytes)
    return names.map_batches(read_each, batch_format="pyarrow", batch_size=None, num_cpus=cpus)


def map_shards(names: Sequence[str], do: Callable[[str], dict[str, Any]], schema: pa.Schema) -> ray.data.Dataset:
    """Apply `do` to each shard; return a row for each, in any order.

    The tasks are given numbers: names as a dataset of their own would be objects in the driver.
    """
    import ray.data

    def run(numbers: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([do(names[number]) for number in numbers["id"].to_pylist()], schema=schema)

    numbers = ray.data.range(len(names), override_num_blocks=num_tasks(len(names)))
    return numbers.map_batches(run, batch_format="pyarrow", batch_size=None)
