"""Words and their token ids: numpy and plain Python, so that a Data worker can use it without TensorFlow."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from datasets.text.wordpiece_training import cut, learned_pieces

Tokenizer = Literal["split", "words", "stems", "subwords"]
"""How an overview is cut into words: at white space as the coursework did, into words, into words less their endings,
or into pieces of words that the training overviews teach."""

MOST_WORDS = 1_000_000
"""Words counted at most; bounds the counts of a very large collection."""
PADDING = 0
UNKNOWN = 1
_FIRST_WORD = 2

# As Keras' TextVectorization does by default: lower case, these characters dropped, split on white space.
_PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")


_WORD = re.compile(r"[^\W\d_]+|\d+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "ly", "es", "s")
_SHORTEST_STEM = 4


def words_of(overview: str, tokenizer: Tokenizer = "split") -> list[str]:
    """Cut an overview into lower-case words.

    "split" drops punctuation and splits on white space. "words" takes runs of letters, without accents, and numbers by
    how many digits they have ("1942" is "0000"). "stems" also cuts the commonest endings off words ("murdered" and
    "murders" are "murder"): of few films a word's forms are too rare to be learned one by one. "subwords" are the
    words that `Vocabulary` cuts into pieces.
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
    """Return counts with those of further films added, cut to the commonest words before they outgrow memory."""
    counts.update(dict(zip(words, numbers, strict=True)))
    return Counter(dict(counts.most_common(MOST_WORDS))) if len(counts) > 2 * MOST_WORDS else counts


class Vocabulary:
    """The tokens a model knows. Id 0 is padding, 1 an unknown word, and `tokens[i]` has id i + 2."""

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
        """Keep the commonest words of at least `fewest` uses, equal counts in alphabetical order, ids below `size`.

        Of "subwords", the pieces that the words teach (`datasets.text.wordpiece_training`).

        Raises:
            ImportError: what learns the pieces is not installed.
        """
        if tokenizer == "subwords":
            return cls(learned_pieces(counts, size=max(0, size - _FIRST_WORD), fewest=fewest), tokenizer=tokenizer)
        ranked = sorted((item for item in counts if item[1] >= fewest), key=lambda item: (-item[1], item[0]))
        return cls([word for word, _ in ranked[: max(0, size - _FIRST_WORD)]], tokenizer=tokenizer)

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
            known = self._known(words_of(overview, self.tokenizer)[:max_tokens])[:max_tokens] or [UNKNOWN]
            ids[row, : len(known)] = known
            lengths[row] = len(known)
        return ids, lengths

    def _known(self, words: Sequence[str]) -> list[int]:
        """Return the ids of words, or of the pieces they are cut into."""
        if self.tokenizer == "subwords":
            words = [piece for word in words for piece in cut(word, self._ids)]
        return [self._ids.get(word, UNKNOWN) for word in words]
