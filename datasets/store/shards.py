"""Ray Data tasks over files of films: one file per task, or several when there are many.

The driver uses 12 kB of memory per Ray task and 42 kB per object it owns, so their number must not grow with the
films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import ray.data

_TASKS = 64
_TASKS_A_CPU = 8  # so that no core waits for long at the end
_MOST_BYTES = 32_000_000  # of films in one task


def num_tasks(parts: int, *, part_bytes: float = 0) -> int:
    """Return the number of tasks for parts.

    Args:
        parts: number of parts.
        part_bytes: memory of one part's films. A task gets at most 32 MB of films, even if this takes more tasks.

    Returns:
        One task per part, up to 64 or 8 for each of the cluster's CPUs, whichever is more.
    """
    import ray

    fewest = parts / max(1, int(_MOST_BYTES / part_bytes)) if part_bytes else 0
    tasks = max(_TASKS, _TASKS_A_CPU * ray.cluster_resources().get("CPU", 0), fewest)
    return max(1, min(parts, int(tasks)))


def shard_paths(paths: Sequence[str], *, part_bytes: float = 0) -> ray.data.Dataset:
    """Return the paths in a column "path", in `num_tasks` blocks.

    `from_arrow` would inspect each of its tables in a task of a whole CPU, which waits forever while training workers
    hold the CPUs; `from_items` does not.
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
    """Return the tables of all files, in the files' order, as a dataset.

    `ray.data.read_parquet` is not used: it inspects the files first (1 to 3 s here, at every start) and merges blocks,
    so that fewer cores can work on them.

    Args:
        paths: the files.
        read: reads one file, within a task.
        empty: the table without rows to return where there are no files.
        cpus: CPUs requested by a task: less than 1 where training workers leave no whole CPU free.
        part_bytes: as in `num_tasks`.
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
    """Apply `do` to each name; return its results as rows, in any order.

    Tasks are given indices: a dataset of names would be objects in the driver.
    """
    import ray.data

    def run(numbers: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([do(names[number]) for number in numbers["id"].to_pylist()], schema=schema)

    numbers = ray.data.range(len(names), override_num_blocks=num_tasks(len(names)))
    return numbers.map_batches(run, batch_format="pyarrow", batch_size=None)
