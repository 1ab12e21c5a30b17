"""Plan of an ablation: a preset, and the changes of each variant."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from datasets.storage import files
from genre_models.models import search_space
from genre_models.models.option_checks import parse_yaml, shown
from genre_models.models.search_space import SearchSpaceError
from genre_models.presets import lookup as presets
from genre_models.studies.ablation_components import (
    ABLATION_COMPONENTS,
    Component,
    Variant,
    read_components,
    settings_of,
    variants,
)
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import AblateOptions
from ray_jobs.runs.sweep_folder import Trial

COURSEWORK = "coursework"


@dataclasses.dataclass(frozen=True)
class Ablation:
    """A preset and the variants to train."""

    kind: str
    preset: str
    recipe: Recipe
    config: Any
    variants: tuple[Variant, ...]

    def of(self, settings: Mapping[str, Any]) -> tuple[Recipe, Any]:
        """Return the recipe and the model config of a trial with these settings."""
        recipe, config = search_space.split(settings, self.recipe, self.config)
        return recipe, config

    def is_finished(self, trial: Trial, metric: str) -> bool:
        """Return whether a trial reached its last epoch or ran out of patience."""
        return self.of(trial.settings)[0].is_finished(trial.history, metric)


def ablation_of(options: AblateOptions) -> tuple[Ablation, list[str]]:
    """Return the ablation, and a line for each component that was skipped."""
    kind = options.model
    base = _preset(kind, options.preset, options)
    has_coursework = COURSEWORK in presets.names(kind) and options.preset != COURSEWORK
    coursework = _preset(kind, COURSEWORK, options) if has_coursework else None
    components = _components(options, base)
    included, skipped = variants(components, base, coursework, preset=options.preset, on_baseline=options.on_baseline)
    return Ablation(kind, options.preset, *base, variants=tuple(included)), skipped


def _preset(kind: str, name: str, options: AblateOptions) -> tuple[Recipe, Any]:
    """Return a preset's recipe and model config, with --set applied."""
    try:
        base = presets.preset(kind, name)
    except ValueError as error:
        raise TrainError(f"--preset {name}: {error}") from error
    for line in options.set:
        try:
            base = search_space.split(settings_of(parse_yaml(line), known=base, where="--set"), *base)
        except SearchSpaceError:
            raise
        except ValueError as error:
            raise TrainError(f"--set {shown(line)} is not an option and its value, such as 'epochs: 10'") from error
    return base


def _components(options: AblateOptions, known: tuple[Recipe, Any]) -> list[Component]:
    """Return the components to ablate: from the file or the model's own table, all or those of --only."""
    components = list(ABLATION_COMPONENTS[options.model])
    if options.components:
        try:
            text = files.read_text(options.components)
        except (OSError, ValueError) as error:
            raise TrainError(f"--components {options.components} cannot be read: {error}") from error
        components = list(read_components(text, known=known, where=options.components))
    unknown = set(options.only) - {component.name for component in components}
    if unknown:
        names = ", ".join(component.name for component in components)
        raise TrainError(f"--only {', '.join(sorted(unknown))}: there is no such component; there are {names}")
    return [component for component in components if not options.only or component.name in options.only]


def settings_of_trial(variant: Variant, seed: int) -> dict[str, Any]:
    """Return a trial's settings: those of its variant, and its seed."""
    return {**variant.settings, "seed": seed}
