"""Explanations of drawn films point at the motif and the words that decide the genre."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from datasets.sample.brush import Brush
from datasets.sample.motifs import MOTIFS
from datasets.sample.overviews import write_overview
from datasets.text.vocabulary import Vocabulary, count_words
from genre_models.explain.network import NetworkAttributions
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.models import overview_lstm, poster_cnn
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

DRAWN = ("Horror", "Sport", "Sci-Fi")
LEAST = 0.8
SIZE = 64


def overviews(films: int, seed: int) -> tuple[list[str], list[int], np.ndarray]:
    """Write overviews of two sentences or more: a neutral one, and the clause of a genre.

    Returns:
        The overviews, each one's number of words before the clause, and the labels [films, genres].
    """
    rng = np.random.default_rng(seed)
    genres = rng.integers(len(DRAWN), size=films)
    first = [write_overview([], rng) for _ in genres]
    clauses = [write_overview([DRAWN[genre]], rng) for genre in genres]
    texts = [f"{one} {clause}" for one, clause in zip(first, clauses, strict=True)]
    return texts, [len(one.split()) for one in first], np.eye(len(DRAWN), dtype=np.float32)[genres]


def share_in_clause(contributions: Sequence[np.ndarray], before: Sequence[int]) -> float:
    """Return the share of films in which the words of the clause's sentences say more than all others."""
    return float(
        np.mean([one[start:].sum() > one[:start].sum() for one, start in zip(contributions, before, strict=True)])
    )


def test_tfidf() -> None:
    texts, _, labels = overviews(400, seed=0)
    model = TfidfBaseline(texts, labels)
    texts, before, labels = overviews(50, seed=1)
    contributions = [
        model.contributions(text.split())[genre] for text, genre in zip(texts, labels.argmax(axis=1), strict=True)
    ]
    assert (model.scores(texts).argmax(axis=1) == labels.argmax(axis=1)).mean() > 0.9
    assert share_in_clause(contributions, before) >= LEAST


@pytest.mark.slow
def test_lstm() -> None:
    """An LSTM of 16 units learns three genres from 600 overviews."""
    keras.utils.set_random_seed(0)
    texts, _, labels = overviews(600, seed=0)
    words = Vocabulary.from_counts(count_words(texts, "words").items(), size=1_000, tokenizer="words")
    config = OverviewLSTM(
        tokenizer="words", vocabulary_size=1_000, max_tokens=96, embedding_units=16, lstm_dropout=0,
        recurrent_dropout=0, first_lstm_units=16, second_lstm_units=0, pooling="mean_max", dense_units=0,
        dense_dropout=0, word_dropout=0.2,
    )  # fmt: skip
    model = overview_lstm.build(config, genres=3)
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy")
    model.fit(words.encode(texts, max_tokens=96)[0], labels, epochs=4, batch_size=50, verbose=0)
    texts, before, labels = overviews(50, seed=1)
    ids, _ = words.encode(texts, max_tokens=96)
    genres = labels.argmax(axis=1)
    right = np.flatnonzero(np.asarray(model(ids)).argmax(axis=1) == genres)
    assert len(right) > 40
    tokens = NetworkAttributions(model).tokens([ids], genres)
    starts = [sum(words.count_tokens(texts[film].split()[: before[film]])) for film in right]
    assert share_in_clause(tokens[right], starts) >= LEAST


def posters(films: int, seed: int, *, drawn: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw posters of one colour with a motif, which alone decides the genre.

    Returns:
        Pixels uint8 [films, SIZE, SIZE, 3], labels [films, genres], and each motif's place and size (x, y, size).
    """
    rng = np.random.default_rng(seed)
    genres, places = rng.integers(len(DRAWN), size=films), []
    pixels = np.empty((films, SIZE, SIZE, 3), np.uint8)
    for film, genre in enumerate(genres):
        picture = Image.new("RGB", (2 * SIZE, 2 * SIZE), tuple(int(one) for one in rng.integers(40, 220, 3)))
        size = rng.uniform(22, 30)
        x, y = rng.uniform(size, 2 * SIZE - size, 2)
        places.append((x / 2, y / 2, size / 2))
        brush = Brush(ImageDraw.Draw(picture), x, y, size, (1.0, 1.0, 1.0), rng)
        if drawn:
            MOTIFS[DRAWN[genre]](brush)
        pixels[film] = np.asarray(picture.reduce(2))
    return pixels, np.eye(len(DRAWN), dtype=np.float32)[genres], np.array(places)


@pytest.mark.slow
def test_cnn() -> None:
    """Where the drawing decides the genre, the largest heat is in it: it takes about a quarter of the poster."""
    keras.utils.set_random_seed(0)
    pixels, labels, _ = posters(400, seed=0)
    config = PosterCNN(
        stem_filters=8, block_filters=(16, 24, 32), conv_dropout=0, pooling="mean", dense_layers=0, dense_dropout=0,
        normalization="batch",
    )  # fmt: skip
    model = poster_cnn.build(config, genres=3)
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy")
    model.fit(pixels, labels, epochs=10, batch_size=40, verbose=0)
    pixels, labels, places = posters(60, seed=1)
    genres = labels.argmax(axis=1)
    plain = posters(60, seed=1, drawn=False)[0]
    of_it = [np.asarray(model(one))[np.arange(60), genres] for one in (pixels, plain)]
    decided = np.flatnonzero((of_it[0] > 0.5) & (of_it[1] < 0.5))
    assert len(decided) > 20
    heats = NetworkAttributions(model).heat([pixels[decided].astype(np.float32)], genres[decided])
    assert heats.shape[1:] == (8, 8)
    hits = []
    for heat, (x, y, size) in zip(heats, places[decided], strict=True):
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        middle = np.array([column + 0.5, row + 0.5]) * SIZE / 8
        hits.append(np.abs(middle - (x, y)).max() <= size + SIZE / 16)
    assert np.mean(hits) >= LEAST
