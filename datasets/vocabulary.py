"""Words and their token ids: numpy and plain Python, so that a Data worker can use it without TensorFlow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

PADDING = 0
UNKNOWN = 1
_FIRST_WORD = 2

# As Keras' TextVectorization does by default: lower case, these characters dropped, split on white space.
_PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")


def words_of(overview: str) -> list[str]:
    """Split an overview into lower-case words without punctuation."""
    return _PUNCTUATION.sub("", overview.lower()).split()


def count_words(overviews: Iterable[str]) -> Counter[str]:
    """Count the words of many overviews."""
    counts: Counter[str] = Counter()
    for overview in overviews:
        counts.update(words_of(overview))
    return counts


class Vocabulary:
    """The tokens a model knows. Id 0 is padding, 1 an unknown word, and `tokens[i]` has id i + 2."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens, start=_FIRST_WORD)}
        if len(self._ids) != len(self.tokens):
            raise ValueError("a vocabulary holds each token once")

    @classmethod
    def from_counts(cls, counts: Iterable[tuple[str, int]], *, size: int) -> Vocabulary:
        """Keep the commonest words, equal counts in alphabetical order, so that ids stay below `size`."""
        ranked = sorted(counts, key=lambda item: (-item[1], item[0]))
        return cls([word for word, _ in ranked[: max(0, size - _FIRST_WORD)]])

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included."""
        return len(self.tokens) + _FIRST_WORD

    def encode(self, overviews: Sequence[str], *, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids int32 [films, max_tokens], padded on the right, and lengths int32 [films], at least 1.

        An overview without a single word becomes one unknown token: a wholly masked row would stop cuDNN's LSTM.
        """
        ids = np.zeros((len(overviews), max_tokens), np.int32)
        lengths = np.ones(len(overviews), np.int32)
        for row, overview in enumerate(overviews):
            known = [self._ids.get(word, UNKNOWN) for word in words_of(overview)[:max_tokens]] or [UNKNOWN]
            ids[row, : len(known)] = known
            lengths[row] = len(known)
        return ids, lengths
