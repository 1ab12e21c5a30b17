"""Lookup of presets by name; each is a file `KIND/NAME.py`, whose docstring lists its metrics.

`-` in a name is `_` in the file's.

`coursework` is the notebook's model and recipe, unchanged; `best` is the best model on real films without pretraining;
`pretrained` uses the features of a frozen pretrained encoder, `pretrained-small` those of a smaller one, and
`finetuned` fine-tunes an encoder.
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
    files = pkgutil.iter_modules([str(Path(__file__).parent / kind)])
    return sorted(module.name.replace("_", "-") for module in files)


def preset(kind: str, name: str) -> tuple[Recipe, Any]:
    """Return the recipe and the model's config of a preset, its RECIPE and MODEL.

    Raises:
        ValueError: the preset does not exist; the message lists those that do.
    """
    if name not in names(kind):
        raise ValueError(f"there is no such preset of {kind}; there are {', '.join(names(kind)) or 'none'}")
    module = importlib.import_module(f"{__package__}.{kind}.{name.replace('-', '_')}")
    return module.RECIPE, module.MODEL


def name_of(kind: str, recipe: Recipe, config: Any) -> str:
    """Return the preset with this model, noting a different recipe; empty if none matches. Ignores the seed."""
    for name in names(kind):
        known, model = preset(kind, name)
        if model == config:
            return name if replace(known, seed=recipe.seed) == recipe else f"{name} with another recipe"
    return ""
