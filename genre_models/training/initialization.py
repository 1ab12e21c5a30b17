"""Initial weights from the training films: words' vectors, how frequent each genre is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_FIRST_WORD = 2
_SPREAD = 0.15  # standard deviation of the entries; five times that of Keras' own random start, for they say something


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


def svd_word_vectors(ids: np.ndarray, *, vocabulary_size: int, units: int, seed: int = 0) -> np.ndarray:
    """Return float32 [vocabulary_size, units]: words that share overviews point the same way.

    The overviews' TF-IDF matrix is cut down by a truncated singular value decomposition (Deerwester et al. 1990), and
    a word's vector is its row of V times the square roots of the singular values. Padding, unknown words, words that
    no overview has and, of very few films, the vectors' last entries are 0.

    Args:
        ids: token ids [films, tokens], 0 = padding, 1 = unknown.
        vocabulary_size: ids are below it.
        units: length of a vector.
        seed: seeds the decomposition.
    """
    import scipy.sparse
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    vectors = np.zeros((vocabulary_size, units), np.float32)
    films, places = np.nonzero(ids >= _FIRST_WORD)
    words = ids[films, places] - _FIRST_WORD
    shape = (len(ids), max(1, vocabulary_size - _FIRST_WORD))
    counts = scipy.sparse.csr_matrix((np.ones(len(words), np.float32), (films, words)), shape=shape)
    counts.sum_duplicates()
    known = min(units, min(counts.shape) - 1)
    if known < 1 or not counts.nnz:
        return vectors
    svd = TruncatedSVD(known, random_state=seed, n_iter=7)
    svd.fit(TfidfTransformer(sublinear_tf=True).fit_transform(counts))
    found = svd.components_.T * np.sqrt(svd.singular_values_)
    vectors[_FIRST_WORD : _FIRST_WORD + len(found), :known] = found * (_SPREAD / max(float(found.std()), 1e-12))
    return vectors
