"""Deprecated names of options and file keys, which are still accepted.

They occur in checkpoints, runs, sweeps, YAML files and command lines of the previous version.
"""

from __future__ import annotations

from typing import Any

RENAMED = {
    "beside": "reference",
    "bought": "effect",
    "cure": "component",
    "cures": "components",
    "cutout": "random_erasing",
    "ema": "ema_decay",
    "embedding_start": "embedding_init",
    "encoder_rate": "encoder_lr_scale",
    "fewest_uses": "min_count",
    "fine_tuning": "trainable_blocks",
    "focus": "gamma",
    "hold_films": "cache_films",
    "margin": "prob_margin",
    "mirroring": "horizontal_flip",
    "on_coursework": "on_baseline",
    "oversampling": "oversample_share",
    "precision": "dtype_policy",
    "shuffle_window": "shuffle_buffer",
    "start_at_prior": "init_bias_from_prior",
    "start_from": "init_from",
    "start from": "init_from",
    "steps_per_call": "steps_per_execution",
    "word_bag": "bow_embedding",
    "word_votes": "bow_logits",
}
"""New names by old names."""


def with_new_names(values: Any, *, untouched: tuple[str, ...] = ()) -> Any:
    """Return JSON or YAML values with all dictionary keys renamed, at any depth.

    What is below the keys in `untouched` stays as it is, such as metrics: one of them is named as an option was.
    """
    if isinstance(values, dict):
        return {
            RENAMED.get(name, name): value if name in untouched else with_new_names(value, untouched=untouched)
            for name, value in values.items()
        }
    return [with_new_names(value, untouched=untouched) for value in values] if isinstance(values, list) else values


def with_new_flags(arguments: list[str]) -> list[str]:
    """Return a command line with its options renamed (`--old-name`, `--no-old-name`, `--old-name=value`)."""
    return [_new_flag(argument) for argument in arguments]


def _new_flag(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    flag, equals, value = argument[2:].partition("=")
    no, name = ("no-", flag[3:]) if flag.startswith("no-") else ("", flag)
    new = RENAMED.get(name.replace("-", "_"), name)
    return argument if new == name else f"--{no}{new.replace('_', '-')}{equals}{value}"
