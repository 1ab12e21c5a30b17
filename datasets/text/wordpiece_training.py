"""Training of a WordPiece vocabulary from word counts, and splitting of words into pieces."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

_GOES_ON = "##"
_LONGEST_WORD = 40
_MOST_USES = 20_000_000  # of all words together; counts of a larger collection are scaled down
_ALPHABET_SHARE = 4  # letters are at most 1 / 4 of the pieces


def learned_pieces(counts: Iterable[tuple[str, int]], *, size: int, fewest: int) -> list[str]:
    """Return at most `size` word pieces: letters, then merged pairs, most common first.

    Byte-pair encoding (Sennrich et al. 2016) in the form of WordPiece (Wu et al. 2016): "##" marks a piece that
    continues a word. All words count; pairs used less often than `fewest` are not merged. Every prefix of the list is a
    valid smaller vocabulary.

    Raises:
        ImportError: the package `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ImportError as error:
        raise ImportError(
            "learning pieces of words needs the package tokenizers: `pip install -e '.[subwords]'`"
        ) from error
    ranked = sorted((word, uses) for word, uses in counts if len(word) <= _LONGEST_WORD)
    letters = _letters(ranked, most=size // (2 * _ALPHABET_SHARE))  # each both begins and continues words

    fewer = max(1.0, sum(uses for _, uses in ranked) / _MOST_USES)

    def words() -> Iterator[str]:
        for word, uses in ranked:
            if letters.issuperset(word):
                yield from itertools.repeat(word, math.ceil(uses / fewer))

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # As special tokens, letters have fixed ids, which break ties; else ids would differ between trainings.
    first = ["[UNK]", *sorted(letters), *(_GOES_ON + letter for letter in sorted(letters))]
    learner.train_from_iterator(
        words(),
        trainers.WordPieceTrainer(
            vocab_size=size + 1, min_frequency=max(1, fewest), special_tokens=first, show_progress=False
        ),
    )
    pieces = learner.get_vocab()
    return sorted(pieces, key=pieces.__getitem__)[1 : size + 1]


def _letters(counts: list[tuple[str, int]], *, most: int) -> set[str]:
    """Return the most common letters."""
    uses: Counter[str] = Counter()
    for word, number in counts:
        for letter in word:
            uses[letter] += number
    return set(sorted(uses, key=lambda letter: (-uses[letter], letter))[:most])


def cut(word: str, pieces: Collection[str]) -> list[str]:
    """Split a word greedily into the longest pieces; return it whole where that fails."""
    matches: list[str] = []
    start = 0
    while start < len(word):
        before = _GOES_ON if start else ""
        for end in range(len(word), start, -1):
            if (piece := before + word[start:end]) in pieces:
                matches.append(piece)
                start = end
                break
        else:
            return [word]
    return matches
