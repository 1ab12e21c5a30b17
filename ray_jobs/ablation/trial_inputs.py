"""Inputs of an ablation's variants: films are read once for all variants that share them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models.input_spec import InputSpec
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import AblateOptions
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.train_inputs import TRAINING_SPLITS, films_of, shares_of, vocabulary_of, word_vectors_of
from ray_jobs.tuning.trial import TrialSpec

# Options that the initial word vectors depend on, beside the inputs.
_OF_VECTORS = ("embedding_init", "embedding_units")


@dataclasses.dataclass(frozen=True)
class _Read:
    """Training and validation films, as inputs of one set of options."""

    about: Checkpoint
    """The preset with the vocabulary of these inputs and, for a backbone, the features."""
    films: dict[str, Any]
    """References to blocks in the object store, by split."""


class Inputs:
    """Shared inputs of the trials: references to films in Ray's object store."""

    def __init__(
        self,
        about: Checkpoint,
        folder: str,
        store: Store,
        options: AblateOptions,
        per_worker: dict[str, float],
        console: Console,
    ) -> None:
        self._about, self._folder, self._store, self._options = about, folder, store, options
        self._per_worker, self._screen = per_worker, console
        self._read: dict[InputSpec, _Read] = {}

    def jobs(self, trials: Mapping[int, tuple[Recipe, Any]]) -> tuple[dict[str, TrialSpec], dict[int, str]]:
        """Return trial specs by input key, and each trial's key; `trials` has the recipe and model config of each."""
        jobs: dict[str, TrialSpec] = {}
        key_of = {}
        for number, (recipe, config) in trials.items():
            key = key_of[number] = repr(self._inputs(config)) + _starts(config, recipe)
            if key not in jobs:
                jobs[key] = self._job(recipe, config)
        return jobs, key_of

    def _job(self, recipe: Recipe, config: Any) -> TrialSpec:
        inputs = self._inputs(config)
        if inputs not in self._read:
            self._read[inputs] = self._films(config)
        read = self._read[inputs]
        return TrialSpec(
            checkpoint=read.about,
            sweep=self._folder,
            films=read.films,
            shares=shares_of(self._store, 1),
            workers=1,
            per_worker=self._per_worker,
            shuffle_buffer=self._options.shuffle_buffer,
            use_gpu=self._options.use_gpu,
            metric=self._options.metric,
            genre_films=self._store.manifest.films_of_genres("train"),
            word_vectors=word_vectors_of(dataclasses.replace(read.about, config=config, recipe=recipe), self._store),
        )

    def _inputs(self, config: Any) -> InputSpec:
        """Return the inputs of a variant: equal for variants that are fed the same films."""
        return self._about.model_spec.inputs(config)

    def _films(self, config: Any) -> _Read:
        self._screen.status("reading the films")
        checkpoint, store = self._about, self._store
        own = with_encoder(dataclasses.replace(checkpoint, config=config))
        own = with_features(own, store, TRAINING_SPLITS, self._screen, use_gpu=self._options.use_gpu)
        vocabulary = vocabulary_of(checkpoint.kind, config, store)
        own = dataclasses.replace(own, vocabulary=vocabulary.tokens if vocabulary else ())
        films = {split: films_of(own, store, split).to_numpy_refs() for split in TRAINING_SPLITS}
        # A trial's settings are changes to the preset, so the spec has the preset's config.
        return _Read(dataclasses.replace(own, config=checkpoint.config), films)


def _starts(config: Any, recipe: Recipe) -> str:
    """Return the key of the initial word vectors, with the seed that samples them; empty for random vectors."""
    if getattr(config, "embedding_init", "random") == "random":
        return ""
    return repr([recipe.seed, *(getattr(config, name) for name in _OF_VECTORS)])
