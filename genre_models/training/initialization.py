"""Initial weights from the training films: words' vectors, how frequent each genre is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def initialize(
    model: Any, config: Any, *, genre_films: Sequence[int], films: int, word_vectors: np.ndarray | None
) -> None:
    """Give a new model the start that its config asks for; without such options nothing is changed.

    Args:
        model: as its kind's `build` returned it.
        config: the dataclass of its options.
        genre_films: training films of each genre, in the model's order.
        films: training films in all.
        word_vectors: float [at least the vocabulary's size, units] for `embedding_init`, or nothing.
    """
    if word_vectors is not None:
        embeddings = model.get_layer("embedding").embeddings
        embeddings.assign(word_vectors[: embeddings.shape[0]])
    if getattr(config, "init_bias_from_prior", False) and films:
        # Half a film more of either answer, so that a genre that none or all of them have stays possible.
        share = (np.asarray(genre_films, np.float64) + 0.5) / (films + 1)
        model.get_layer("genres").bias.assign(np.log(share / (1 - share)))
