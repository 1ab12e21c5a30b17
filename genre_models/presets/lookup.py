"""Finds settings by their name: one short file for each, `KIND_NAME.py`, whose docstring says what to expect of it.

`coursework` is the notebook's model and recipe, kept as it was; `best` is what did best on real films, learned from
these films alone; `pretrained` learns from what an encoder makes of them that others trained, and `finetuned` trains
that encoder further.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from genre_models.training.recipe import Recipe


def names(kind: str) -> list[str]:
    """Return the names of a kind's presets."""
    files = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.removeprefix(f"{kind}_") for name in files if name.startswith(f"{kind}_"))


def preset(kind: str, name: str) -> tuple[Recipe, Any]:
    """Return the recipe and the model's config of a preset, as (RECIPE, MODEL) stand in its file.

    Raises:
        ValueError: there is no such preset; the message lists those there are.
    """
    if name not in names(kind):
        raise ValueError(f"there is no such preset of {kind}; there are {', '.join(names(kind)) or 'none'}")
    module = importlib.import_module(f"{__package__}.{kind}_{name}")
    return module.RECIPE, module.MODEL


def name_of(kind: str, recipe: Recipe, config: Any) -> str:
    """Say which preset has these settings, whatever the seed, or this model at least; empty where none has."""
    for name in names(kind):
        known, model = preset(kind, name)
        if model == config:
            return name if replace(known, seed=recipe.seed) == recipe else f"{name} with another recipe"
    return ""
