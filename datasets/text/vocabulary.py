"""The vocabulary of overviews, without TensorFlow, for Ray Data workers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from datasets.text.wordpiece_training import cut, learned_pieces

Tokenizer = Literal["split", "words", "stems", "subwords"]
"""Tokenizer of overviews: white space as in the coursework, words, stemmed words, or subwords learned from the
training overviews."""

MOST_WORDS = 1_000_000
"""Maximum number of distinct words counted; bounds the memory of a very large collection."""
PADDING = 0
UNKNOWN = 1
_FIRST_WORD = 2

# As Keras' TextVectorization by default: lower case, these characters dropped, split on white space.
_PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")


_WORD = re.compile(r"[^\W\d_]+|\d+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "ly", "es", "s")
_SHORTEST_STEM = 4


def words_of(overview: str, tokenizer: Tokenizer = "split") -> list[str]:
    """Split an overview into lower-case words.

    "split" drops punctuation and splits on white space. "words" are runs of letters, without accents, and numbers with
    every digit replaced by 0 ("1942" is "0000"). "stems" also strips the most common endings ("murdered" and "murders"
    are "murder"): in a small data set inflected forms are too rare to be learned separately. "subwords" returns the
    same as "words", which `Vocabulary` splits into pieces.
    """
    if tokenizer == "split":
        return _PUNCTUATION.sub("", overview.lower()).split()
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", overview.lower()))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("'", "").replace("’", "")
    words = ["0" * len(word) if word[0].isdigit() else word for word in _WORD.findall(plain)]
    return [_stem(word) for word in words] if tokenizer == "stems" else words


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def count_words(overviews: Iterable[str], tokenizer: Tokenizer = "split") -> Counter[str]:
    """Count the words of many overviews."""
    counts: Counter[str] = Counter()
    for overview in overviews:
        counts.update(words_of(overview, tokenizer))
    return counts


def add_counts(counts: Counter[str], words: Sequence[str], numbers: Sequence[int]) -> Counter[str]:
    """Add the counts of further films; truncate to the most common words to bound memory."""
    counts.update(dict(zip(words, numbers, strict=True)))
    return Counter(dict(counts.most_common(MOST_WORDS))) if len(counts) > 2 * MOST_WORDS else counts


class Vocabulary:
    """The tokens known to a model. Id 0 is padding, 1 an unknown word, and `tokens[i]` has id i + 2."""

    def __init__(self, tokens: Sequence[str], *, tokenizer: Tokenizer = "split") -> None:
        self.tokens = tuple(tokens)
        self.tokenizer = tokenizer
        self._ids = {token: i for i, token in enumerate(self.tokens, start=_FIRST_WORD)}
        if len(self._ids) != len(self.tokens):
            raise ValueError("a vocabulary holds each token once")

    @classmethod
    def from_counts(
        cls, counts: Iterable[tuple[str, int]], *, size: int, fewest: int = 1, tokenizer: Tokenizer = "split"
    ) -> Vocabulary:
        """Build the vocabulary of the most common words, with ids below `size`.

        Words have at least `fewest` uses; equal counts are in alphabetical order. For "subwords", the tokens are pieces
        learned from the words (`datasets.text.wordpiece_training`).

        Raises:
            ImportError: the package `tokenizers` is not installed (for "subwords").
        """
        if tokenizer == "subwords":
            return cls(learned_pieces(counts, size=max(0, size - _FIRST_WORD), fewest=fewest), tokenizer=tokenizer)
        ranked = sorted((item for item in counts if item[1] >= fewest), key=lambda item: (-item[1], item[0]))
        return cls([word for word, _ in ranked[: max(0, size - _FIRST_WORD)]], tokenizer=tokenizer)

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included."""
        return len(self.tokens) + _FIRST_WORD

    def encode(self, overviews: Sequence[str], *, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Return right-padded token ids int32 [films, max_tokens], and lengths int32 [films], at least 1.

        An overview without words becomes one unknown token: cuDNN's LSTM fails on a fully masked row.
        """
        ids = np.zeros((len(overviews), max_tokens), np.int32)
        lengths = np.ones(len(overviews), np.int32)
        for row, overview in enumerate(overviews):
            known = self._known(words_of(overview, self.tokenizer)[:max_tokens])[:max_tokens] or [UNKNOWN]
            ids[row, : len(known)] = known
            lengths[row] = len(known)
        return ids, lengths

    def count_tokens(self, words: Sequence[str]) -> list[int]:
        """Return the number of tokens of each word of an overview, split at white space.

        The tokens of the overview are those of its words, one after the other.
        """
        return [len(self._known(words_of(word, self.tokenizer))) for word in words]

    def _known(self, words: Sequence[str]) -> list[int]:
        """Return the ids of words, or of their pieces."""
        if self.tokenizer == "subwords":
            words = [piece for word in words for piece in cut(word, self._ids)]
        return [self._ids.get(word, UNKNOWN) for word in words]
