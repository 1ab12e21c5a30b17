"""Occlusion of a poster's regions and an overview's words, for any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

GRID = 8
"""Rows and columns of an occluded poster's heat."""
MOST_WORDS = 256
"""Words of an overview that are left out, at most: each costs a prediction."""
_WINDOW = 2  # rows and columns of the grid that are covered at a time


def occluded_regions(poster: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Measure the loss of logits when a region of a poster is covered.

    The cover is the poster's mean colour (Zeiler and Fergus 2014, §4.2). Windows of a quarter of the height and width
    are slid by half their size; a cell of the grid has the mean loss of the windows that cover it.

    Args:
        poster: uint8 [height, width, 3].
        score: posters uint8 [posters, height, width, 3] -> logits [posters, genres].

    Returns:
        float64 [genres, GRID, GRID]; below 0 where the region speaks against the genre.
    """
    height, width = poster.shape[:2]
    rows, columns = (np.linspace(0, size, GRID + 1).round().astype(int) for size in (height, width))
    corners = [(y, x) for y in range(GRID - _WINDOW + 1) for x in range(GRID - _WINDOW + 1)]
    covered = np.repeat(poster[None], len(corners), axis=0)
    mean = poster.mean(axis=(0, 1)).round().astype(np.uint8)
    # All black would be a film without a poster.
    for one, (y, x) in zip(covered, corners, strict=True):
        one[rows[y] : rows[y + _WINDOW], columns[x] : columns[x + _WINDOW]] = np.maximum(mean, 1)
    losses = score(poster[None])[0] - score(covered)
    sums, windows = np.zeros((losses.shape[1], GRID, GRID)), np.zeros((GRID, GRID))
    for loss, (y, x) in zip(losses, corners, strict=True):
        sums[:, y : y + _WINDOW, x : x + _WINDOW] += loss[:, None, None]
        windows[y : y + _WINDOW, x : x + _WINDOW] += 1
    return sums / windows


def left_out_words(words: Sequence[str], score: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Measure the loss of logits when a word is left out (Li et al. 2016, "Understanding Neural Networks").

    Args:
        words: of an overview, in order.
        score: overviews -> logits [overviews, genres].

    Returns:
        float64 [genres, words]; 0 for words beyond the first `MOST_WORDS`.
    """
    tried = min(len(words), MOST_WORDS)
    without = [" ".join([*words[:place], *words[place + 1 :]]) for place in range(tried)]
    logits = score([" ".join(words), *without])
    losses = np.zeros((logits.shape[1], len(words)))
    losses[:, :tried] = (logits[0] - logits[1:]).T
    return losses
