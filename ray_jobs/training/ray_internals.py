"""Uses of private interfaces of Ray Train: the helper processes of a run."""

from __future__ import annotations

import contextlib
from typing import Any

import ray
from ray._private import state
from ray.train.v2._internal.callbacks import placement_group_callback
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.controller import placement_group_cleaner
from ray.train.v2._internal.execution.controller.placement_group_cleaner import PlacementGroupCleaner
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

CHECKED_WITH = {"ray": "2.60"}
"""Version in which these interfaces were checked."""
_ABORT_S = 5


class LeanTrainer(DataParallelTrainer):
    """A trainer without the helper processes a run does not need.

    Each would import Ray Train, 2 to 3 s of a core. It drops the dataset manager where there are no datasets, and the
    placement group cleaner if the driver ends with the run: Ray then frees the workers' resources with the driver.
    """

    def __init__(self, *arguments: Any, ends_with_driver: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ends_with_driver = ends_with_driver
        self._controller: Any = None

    def _register_sigint_handler(self, controller: Any) -> None:
        # Ray Train's own handler would end the process with exit code 1 and no word, and the caller would not know.
        self._controller = controller

    def abort(self) -> None:
        """End the run's workers after a stop by the user; wait for them for some seconds."""
        if self._controller is not None:
            with contextlib.suppress(Exception):  # it ends itself
                ray.get(self._controller.abort.remote(), timeout=_ABORT_S)

    def end(self) -> None:
        """End the run and its workers at once, from another thread; `fit` then raises RayActorError.

        The controller cannot be asked while it waits for nodes.
        """
        if self._controller is not None:
            ray.kill(self._controller)

    def _create_default_callbacks(self) -> list[Any]:
        dropped = (PlacementGroupCleanerCallback, *(() if self.datasets else (DatasetsCallback,)))
        kept = [callback for callback in super()._create_default_callbacks() if not isinstance(callback, dropped)]
        return kept if self._ends_with_driver else [*kept, CleanerCallback()]


class CleanerCallback(PlacementGroupCleanerCallback):
    """Starts a placement group cleaner that finds the controller's cluster."""

    def after_controller_start(self, train_run_context: Any) -> None:
        """Start the cleaner; Ray Train calls it in the controller's process."""
        placement_group_callback.PlacementGroupCleaner = Cleaner
        super().after_controller_start(train_run_context)


class Cleaner(PlacementGroupCleaner):
    """Actor that frees the workers' resources once their controller is dead.

    Ray Tune kills the controller of a trial that it stops. Ray's own cleaner asks the dashboard of a cluster that it
    has to find: it frees nothing where there is no dashboard, or several clusters run on the machine.
    """

    def __init__(self, **options: Any) -> None:
        placement_group_cleaner.is_actor_alive = _is_alive
        super().__init__(**options)


def _is_alive(actor_id: str, timeout: float) -> bool:  # noqa: ARG001 - Ray's own has it
    """Return whether an actor is not dead, as the head node says."""
    return state.actors(actor_id).get("State") != "DEAD"
