"""Plan of a sweep: the starting point, the search space, and what no sweep can vary."""

from __future__ import annotations

import dataclasses
from typing import Any

from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.models import input_spec, search_space
from genre_models.models.registry import REGISTRY
from genre_models.models.search_space import SearchSpace
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TuneOptions
from ray_jobs.runs.resume import settings_of
from ray_jobs.runs.sweep_folder import Trial

# Settings without effect in a model with a pretrained backbone, and in one whose backbone is frozen.
_PRETRAINED_WITHOUT = ("vocabulary_size",)
_FROZEN_WITHOUT = (*_PRETRAINED_WITHOUT, "augmentation")


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The starting point of a sweep and its search space."""

    kind: str
    config: Any
    recipe: Recipe
    space: SearchSpace

    @property
    def start(self) -> dict[str, Any]:
        """Return the starting point's values of the searched settings."""
        return search_space.values_of(self.space, self.recipe, self.config)

    def is_finished(self, trial: Trial, metric: str) -> bool:
        """Return whether a trial reached its last epoch or ran out of patience."""
        recipe, _ = search_space.split(trial.settings, self.recipe, self.config)
        return bool(recipe.is_finished(trial.history, metric))

    def most(self, name: str) -> int:
        """Return the largest value that a setting can have in any trial."""
        own = int(getattr(self.config, name))
        setting = self.space.get(name)
        if setting is None:
            return own
        return max(own, *map(int, setting.values if isinstance(setting, search_space.Choice) else (setting.high,)))

    def requested(self, checkpoint: Checkpoint, options: TuneOptions) -> dict[str, Any]:
        """Return the options that a resumed sweep must share with the original."""
        return settings_of(checkpoint) | {
            "space": {name: _range(setting) for name, setting in self.space.items()},
            "metric": options.metric,
            "scheduler": options.scheduler,
            "search": options.search,
            "trials": options.trials,
        }


def sweep_of(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> Sweep:
    """Return the sweep: the model's search space with the overrides of --space and --vary."""
    space = dict(REGISTRY[kind].search_space)
    inputs = REGISTRY[kind].inputs(config)
    if inputs.pretrained:
        without = _FROZEN_WITHOUT if inputs.frozen else _PRETRAINED_WITHOUT
        space = {name: setting for name, setting in space.items() if name not in without}
    overrides = []
    if options.space:
        try:
            overrides.append((options.space, files.read_text(options.space)))
        except (OSError, ValueError) as error:
            raise TrainError(f"--space {options.space} cannot be read: {error}") from error
    overrides += [("--vary", override) for override in options.vary]
    for where, text in overrides:
        space, fixed = search_space.overridden(space, text, known=(recipe, config), where=where)
        recipe, config = search_space.split(fixed, recipe, config)
    own = REGISTRY[kind].search_space
    for name in not_searched(kind, config):
        if name in own and space.get(name) is own[name]:  # in the model's space by default, not by an override
            del space[name]
    return Sweep(kind, config, recipe, space)


def not_searched(kind: str, config: Any) -> dict[str, str]:
    """Return the settings that no sweep of this model can vary, each with the reason."""
    tokenized_once = "the films are cut into words once, for all trials"
    reasons = {
        "epochs": "trials are compared by epochs. Give --epochs one value",
        **dict.fromkeys(("height", "width"), "the store holds posters of one size"),
        **dict.fromkeys(input_spec.ENCODER_OPTIONS, "the films are encoded once, for all trials"),
        **dict.fromkeys(("tokenizer", "min_count"), tokenized_once),
    }
    if getattr(config, "tokenizer", "") == "subwords":
        reasons["vocabulary_size"] = f"fewer pieces of words cut them otherwise, and {tokenized_once}"
    if any(one.by_length for one in REGISTRY[kind].inputs(config).fine_tuned):
        reasons["max_tokens"] = f"the encoder's mark at an overview's end would be cut off, and {tokenized_once}"
    return reasons


def check_space(sweep: Sweep, devices: int) -> None:
    """Check that the space can be searched by trials on this many devices: workers, or GPUs of all of them.

    Raises:
        TrainError: it is empty, or holds a setting or a batch size that would fail in every trial.
    """
    if not sweep.space:
        raise TrainError("no setting is left to search: every one is fixed by --space or --vary")
    for name, reason in not_searched(sweep.kind, sweep.config).items():
        if name in sweep.space:
            raise TrainError(f"{name} cannot be searched: {reason}")
    sizes = sweep.space.get("batch_size")
    batches = sizes.values if isinstance(sizes, search_space.Choice) else ()
    for size in {sweep.recipe.batch_size, *batches}:
        if size % devices:
            raise TrainError(
                f"a batch_size of {size} cannot be shared equally by {devices} workers: "
                "search sizes that can, such as --vary 'batch_size: [32, 64]'"
            )


def _range(setting: search_space.Setting) -> Any:
    """Return the range of a setting in the short form that messages use."""
    if isinstance(setting, search_space.Choice):
        return list(setting.describe()["values"])
    scale = " (log)" if setting.log else f" in steps of {setting.step:g}" if setting.step else ""
    return f"{setting.low:g} to {setting.high:g}{scale}"
