"""Batch sizes that the films can fill: a larger batch would be padding, in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from genre_models.models.search_space import Choice, Setting
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console


def largest_batch(films: int, devices: int) -> int:
    """Return the size of a batch of all training films, shared equally by the devices."""
    return -(-films // devices) * devices


def with_batches_that_fit(recipe: Recipe, films: int, devices: int) -> Recipe:
    """Return the recipe with a batch of at most all training films."""
    most = largest_batch(films, devices)
    return recipe if recipe.batch_size <= most else dataclasses.replace(recipe, batch_size=most)


def report_cut_batches(sizes: Iterable[int], films: int, devices: int, console: Console, *, of: str = "") -> None:
    """Print a line if a batch would be more than all training films.

    Args:
        sizes: the batch sizes.
        films: number of training films.
        devices: workers, or GPUs of all workers, that share a batch.
        console: where the line goes.
        of: the trainings that have them, as in " in these trials".
    """
    size, most = max(sizes), largest_batch(films, devices)
    if size > most:
        console.line(f"--batch-size {size:,} is more than the {films:,} training films: taking {most:,}{of}")


def searched_sizes(recipe: Recipe, setting: Setting | None) -> list[int]:
    """Return the batch sizes of a sweep: the starting point's and the space's."""
    if setting is None:
        return [recipe.batch_size]
    values = setting.values if isinstance(setting, Choice) else (setting.low, setting.high)
    return [recipe.batch_size, *map(int, values)]
