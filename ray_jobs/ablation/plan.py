"""What an ablation trains: a preset, and what each variant changes in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from datasets.storage import files
from genre_models.models import search_space
from genre_models.presets import lookup as presets
from genre_models.studies.ablation_components import CURES, Cure, Variant, read_cures, settings_of, variants
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import AblateOptions
from ray_jobs.runs.sweep_folder import Trial

COURSEWORK = "coursework"


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What is trained: a preset, and what each variant changes in it."""

    kind: str
    preset: str
    recipe: Recipe
    config: Any
    variants: tuple[Variant, ...]

    def of(self, settings: Mapping[str, Any]) -> tuple[Recipe, Any]:
        """Return the recipe and the model that a trial with these settings has."""
        recipe, config = search_space.split(settings, self.recipe, self.config)
        return recipe, config

    def is_over(self, trial: Trial, metric: str) -> bool:
        """Return whether a trial came to its last epoch, or to where its patience ends."""
        return self.of(trial.settings)[0].is_over(trial.history, metric)


def ablation_of(options: AblateOptions) -> tuple[Ablation, list[str]]:
    """Return what is trained, and a line for each cure that says nothing about the preset."""
    kind = options.model
    base = _preset(kind, options.preset, options)
    there = COURSEWORK in presets.names(kind) and options.preset != COURSEWORK
    coursework = _preset(kind, COURSEWORK, options) if there else None
    cures = _cures(options, base)
    found, left_out = variants(cures, base, coursework, preset=options.preset, on_coursework=options.on_coursework)
    return Ablation(kind, options.preset, *base, variants=tuple(found)), left_out


def _preset(kind: str, name: str, options: AblateOptions) -> tuple[Recipe, Any]:
    """Return a preset's recipe and model with what --set says."""
    import yaml

    try:
        base = presets.preset(kind, name)
    except ValueError as error:
        raise TrainError(f"--preset {name}: {error}") from error
    for line in options.set:
        try:
            base = search_space.split(settings_of(yaml.safe_load(line), known=base, where="--set"), *base)
        except yaml.YAMLError as error:
            raise TrainError(f"--set {line!r} is not an option and its value, such as 'epochs: 10'") from error
    return base


def _cures(options: AblateOptions, known: tuple[Recipe, Any]) -> list[Cure]:
    """Return the cures to look at: of the file or of the model's own table, all or only those named."""
    cures = list(CURES[options.model])
    if options.cures:
        try:
            text = files.read_text(options.cures)
        except (OSError, ValueError) as error:
            raise TrainError(f"--cures {options.cures} cannot be read: {error}") from error
        cures = list(read_cures(text, known=known, where=options.cures))
    unknown = set(options.only) - {cure.name for cure in cures}
    if unknown:
        names = ", ".join(cure.name for cure in cures)
        raise TrainError(f"--only {', '.join(sorted(unknown))}: there is no such cure; there are {names}")
    return [cure for cure in cures if not options.only or cure.name in options.only]


def settings_of_trial(variant: Variant, seed: int) -> dict[str, Any]:
    """Return what a trial's settings are: those of its variant, and its seed."""
    return {**variant.settings, "seed": seed}
