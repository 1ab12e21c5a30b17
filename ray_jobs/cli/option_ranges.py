"""Checks of the numbers among a job's options: none is negative, or no number."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from genre_models.models.option_checks import shown
from ray_jobs.cli.errors import UsageError

_AT_LEAST_1 = frozenset({"resamples", "shuffle_buffer", "sample_films", "seeds", "trials"})
_ABOVE_0 = frozenset({"cpus_per_worker", "gpus_per_worker", "object_store_share"})
_SHARES = frozenset({"object_store_share", "max_rejects"})
_LARGEST_SEED, _LARGEST = 2**32 - 1, 2**31 - 1


def check_ranges(options: Any) -> None:
    """Check the numbers of a job's options; those of the model and the recipe check themselves.

    Raises:
        UsageError: one is negative, no number, or out of its range; the message names it.
    """
    for field in dataclasses.fields(options):
        value, option = getattr(options, field.name), f"--{field.name.replace('_', '-')}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{option} must be a number, not {value}")
        if field.name in _AT_LEAST_1 and value < 1:
            raise UsageError(f"{option} must be at least 1, not {value}")
        if value < 0 or (field.name in _ABOVE_0 and not value):
            raise UsageError(f"{option} must be {'above 0' if field.name in _ABOVE_0 else 'at least 0'}, not {value:g}")
        if field.name in _SHARES and value > 1:
            raise UsageError(f"{option} is a share, at most 1, not {value:g}")
        if field.name == "gpus_per_worker" and value > 1 and value != int(value):
            raise UsageError(f"{option} is a fraction of one GPU or a whole number of them, not {value:g}")
        largest = _LARGEST_SEED if field.name == "seed" else _LARGEST
        if value > largest:
            raise UsageError(f"{option} must be at most {largest}, not {shown(value)}")
