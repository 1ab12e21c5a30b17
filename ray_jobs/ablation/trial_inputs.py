"""Inputs of an ablation's variants: films are read once for all variants that share them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from genre_models.checkpoint import Checkpoint
from genre_models.models.input_spec import InputSpec
from genre_models.training.recipe import Recipe
from ray_jobs.inputs.train_inputs import TRAINING_SPLITS, films_of, shares_of, word_vectors_of
from ray_jobs.training.job_setup import JobSetup
from ray_jobs.tuning.trial import TrialSpec

# Options that the initial word vectors depend on, beside the inputs.
_OF_VECTORS = ("embedding_init", "embedding_units")


@dataclasses.dataclass(frozen=True)
class _Read:
    """Training and validation films, as inputs of one set of options."""

    checkpoint: Checkpoint
    """The preset with the vocabulary of these inputs and, for a backbone, the features."""
    films: dict[str, Any]
    """References to blocks in the object store, by split."""


class Inputs:
    """Shared inputs of the trials: references to films in Ray's object store."""

    def __init__(self, setup: JobSetup, checkpoint: Checkpoint, folder: str) -> None:
        self._setup, self._checkpoint, self._folder = setup, checkpoint, folder
        self._read: dict[InputSpec, _Read] = {}

    def specs(self, trials: Mapping[int, tuple[Recipe, Any]]) -> tuple[dict[str, TrialSpec], dict[int, str]]:
        """Return trial specs by input key, and each trial's key; `trials` has the recipe and model config of each."""
        specs: dict[str, TrialSpec] = {}
        key_of = {}
        for number, (recipe, config) in trials.items():
            key = key_of[number] = repr(self._inputs(config)) + _starts(config, recipe)
            if key not in specs:
                specs[key] = self._spec(recipe, config)
        return specs, key_of

    def _spec(self, recipe: Recipe, config: Any) -> TrialSpec:
        inputs = self._inputs(config)
        if inputs not in self._read:
            self._read[inputs] = self._films(config)
        read = self._read[inputs]
        setup, own = self._setup, dataclasses.replace(read.checkpoint, config=config, recipe=recipe)
        vectors = word_vectors_of(own, setup.store)
        shares = shares_of(setup.store, 1)
        start = setup.train_spec(read.checkpoint, self._folder, shares, word_vectors=vectors)
        return TrialSpec(start, read.films, setup.workers, setup.per_worker)

    def _inputs(self, config: Any) -> InputSpec:
        """Return the inputs of a variant: equal for variants that are fed the same films."""
        return self._checkpoint.model_spec.inputs(config)

    def _films(self, config: Any) -> _Read:
        self._setup.console.status("reading the films")
        own = self._setup.with_vocabulary(self._setup.with_config(self._checkpoint, config, TRAINING_SPLITS))
        films = {split: films_of(own, self._setup.store, split).to_numpy_refs() for split in TRAINING_SPLITS}
        # A trial's settings are changes to the preset, so the spec has the preset's config.
        return _Read(dataclasses.replace(own, config=self._checkpoint.config), films)


def _starts(config: Any, recipe: Recipe) -> str:
    """Return the key of the initial word vectors, with the seed that samples them; empty for random vectors."""
    if getattr(config, "embedding_init", "random") == "random":
        return ""
    return repr([recipe.seed, *(getattr(config, name) for name in _OF_VECTORS)])
