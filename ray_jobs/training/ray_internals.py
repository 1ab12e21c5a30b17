"""Uses of private interfaces of Ray Train: the helper processes of a run."""

from __future__ import annotations

from typing import Any

from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

CHECKED_WITH = {"ray": "2.60"}
"""Version in which these interfaces were checked."""


class LeanTrainer(DataParallelTrainer):
    """A trainer without the helper processes a run does not need.

    Each would import Ray Train, 2 to 3 s of a core. It drops the dataset manager where there are no datasets, and the
    placement group cleaner if the driver ends with the run: Ray then frees the workers' resources with the driver.
    """

    def __init__(self, *arguments: Any, ends_with_driver: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dropped: tuple[type, ...] = () if self.datasets else (DatasetsCallback,)
        if ends_with_driver:
            self._dropped += (PlacementGroupCleanerCallback,)

    def _create_default_callbacks(self) -> list[Any]:
        return [callback for callback in super()._create_default_callbacks() if not isinstance(callback, self._dropped)]
