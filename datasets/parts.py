"""Ray Data over a store's files: a task for each, and a block of what it returns, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import ray.data
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

Read = Callable[[str], pa.Table]
"""Turns a file's name into films; runs in a task."""


def each_part(names: Sequence[str], read: Read, *, empty: pa.Table, cpus: float = 1) -> ray.data.Dataset:
    """Return what `read` makes of each name, through Ray Data; `empty` where there is no name.

    Each task asks Ray for `cpus`: less than 1 where training workers leave no whole CPU free.

    Names are the tasks' own rather than a dataset that tasks are mapped over: there each would be a block, into which
    Ray Data looks first, by a task that asks for a whole CPU (3 ms a name), and takes a few kB more of the driver.
    """
    tasks = [partial(_blocks, read, name) for name in names] or [partial(list, [empty])]
    return ray.data.read_datasource(_Parts(tasks), num_cpus=cpus, override_num_blocks=len(tasks))


class _Parts(Datasource):
    def __init__(self, tasks: Sequence[Callable[[], list[pa.Table]]]) -> None:
        super().__init__()
        self._tasks = tasks

    def get_name(self) -> str:
        return "Parts"

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
        unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
        return [ReadTask(task, unknown) for task in self._tasks]


def _blocks(read: Read, name: str) -> list[pa.Table]:
    return [read(name)]
