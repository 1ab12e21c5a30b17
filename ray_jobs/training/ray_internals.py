"""Private interfaces of Ray Train, checked with Ray 2.60."""

from __future__ import annotations

from typing import Any

from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer


class LeanTrainer(DataParallelTrainer):
    """Starts no process that a run does not need; each would import Ray Train, 2 to 3 s of a core.

    Dropped are the keeper of datasets where there are none, and, in a driver that ends with the run, the process
    that would free the workers' resources if Ray Train's controller were killed: Ray frees them with the driver.
    """

    def __init__(self, *arguments: Any, ends_with_driver: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dropped: tuple[type, ...] = () if self.datasets else (DatasetsCallback,)
        if ends_with_driver:
            self._dropped += (PlacementGroupCleanerCallback,)

    def _create_default_callbacks(self) -> list[Any]:
        return [one for one in super()._create_default_callbacks() if not isinstance(one, self._dropped)]
