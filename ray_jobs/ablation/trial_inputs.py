"""The films as the variants of an ablation are fed them: each way of feeding is made once, for all that share it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.encoders import backbones
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Screen
from ray_jobs.cli.options import AblateOptions
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.train_inputs import TRAINING_SPLITS, films_of, shares_of, vocabulary_of, word_vectors_of
from ray_jobs.tuning.trial import SweepJob

# What decides how films are read, of the options of any kind of model.
_OF_INPUTS = (
    *backbones.OPTIONS,
    "height",
    "width",
    "tokenizer",
    "vocabulary_size",
    "fewest_uses",
    "max_tokens",
)
# What decides, beside them, where words' vectors start.
_OF_VECTORS = ("embedding_start", "embedding_units")


@dataclasses.dataclass(frozen=True)
class _Read:
    """The training and validation films, read in one way."""

    about: Checkpoint
    """The preset with the vocabulary, and where there is a backbone the features, of this way."""
    films: dict[str, Any]
    """By split, references to blocks in the object store."""


class Inputs:
    """Makes what trials share, and keeps references to it: the films themselves are in Ray's object store."""

    def __init__(
        self,
        about: Checkpoint,
        folder: str,
        store: Store,
        options: AblateOptions,
        per_worker: dict[str, float],
        screen: Screen,
    ) -> None:
        self._about, self._folder, self._store, self._options = about, folder, store, options
        self._per_worker, self._screen = per_worker, screen
        self._read: dict[str, _Read] = {}

    def jobs(self, trials: Mapping[int, tuple[Recipe, Any]]) -> tuple[dict[str, SweepJob], dict[int, str]]:
        """Return what trials share, by a key, and each trial's key, from the recipe and the model of each trial."""
        jobs: dict[str, SweepJob] = {}
        key_of = {}
        for number, (recipe, config) in trials.items():
            key = key_of[number] = key_of_inputs(config) + _starts(config, recipe)
            if key not in jobs:
                jobs[key] = self._job(recipe, config)
        return jobs, key_of

    def _job(self, recipe: Recipe, config: Any) -> SweepJob:
        key = key_of_inputs(config)
        if key not in self._read:
            self._read[key] = self._films(config)
        read = self._read[key]
        return SweepJob(
            checkpoint=read.about,
            sweep=self._folder,
            films=read.films,
            shares=shares_of(self._store, 1),
            workers=1,
            per_worker=self._per_worker,
            shuffle_window=self._options.shuffle_window,
            use_gpu=self._options.use_gpu,
            metric=self._options.metric,
            genre_films=self._store.manifest.films_of_genres("train"),
            word_vectors=word_vectors_of(dataclasses.replace(read.about, config=config, recipe=recipe), self._store),
        )

    def _films(self, config: Any) -> _Read:
        self._screen.status("reading the films")
        about, store = self._about, self._store
        own = with_encoder(dataclasses.replace(about, config=config, features={}))
        own = with_features(own, store, TRAINING_SPLITS, self._screen, use_gpu=self._options.use_gpu)
        vocabulary = vocabulary_of(about.kind, config, store)
        own = dataclasses.replace(own, vocabulary=vocabulary.tokens if vocabulary else ())
        films = {split: films_of(own, store, split).to_numpy_refs() for split in TRAINING_SPLITS}
        # A trial's settings are what it changes in the preset: that is what it starts from.
        return _Read(dataclasses.replace(own, config=about.config), films)


def key_of_inputs(config: Any) -> str:
    """Return what two models have alike that are fed the same films."""
    return repr([getattr(config, name, None) for name in _OF_INPUTS])


def _starts(config: Any, recipe: Recipe) -> str:
    """Return what tells apart the words' vectors of two trials that read alike: the seed too, where it draws them."""
    if getattr(config, "embedding_start", "random") == "random":
        return ""
    return repr([recipe.seed, *(getattr(config, name) for name in _OF_VECTORS)])
