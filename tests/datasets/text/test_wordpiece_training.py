"""Pieces of words: cut by hand; learned, the same however often and in whatever order the words are counted."""

from __future__ import annotations

import sys

import pytest

from datasets.text.vocabulary import UNKNOWN, Vocabulary, count_words
from datasets.text.wordpiece_training import cut, learned_pieces

OVERVIEWS = ["A detective hunts the hunter", "The hunted hunts", "hunting season", "the season of the detective"]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("hunt", ["hunt"]),
        ("hunter", ["hunt", "##er"]),
        ("hunters", ["hunt", "##er", "##s"]),
        ("her", ["h", "##er"]),
        ("erh", ["erh"]),  # begins with what only goes on with words
        ("huntx", ["huntx"]),
        ("", []),
    ],
)
def test_a_word_is_cut_into_the_longest_pieces_from_its_start(word: str, pieces: list[str]) -> None:
    assert cut(word, {"h", "hu", "hunt", "##er", "##s", "##e", "##r"}) == pieces


def test_what_is_used_most_is_joined_first() -> None:
    pytest.importorskip("tokenizers")
    pieces = learned_pieces([("abab", 9), ("ab", 5), ("cd", 1)], size=200, fewest=2)
    letters = ["a", "b", "c", "d"]
    assert pieces[:8] == [*letters, *(f"##{letter}" for letter in letters)]
    assert pieces[8] == "ab"
    assert set(pieces[9:]) == {"##ab", "abab"}  # the pair of c and d is used once
    assert "cd" in learned_pieces([("abab", 9), ("ab", 5), ("cd", 1)], size=200, fewest=1)


def test_pieces_do_not_depend_on_the_order_of_the_words() -> None:
    pytest.importorskip("tokenizers")
    counts = [(word, 1 + number % 7) for number, word in enumerate(_many_words())]
    first = learned_pieces(counts, size=120, fewest=2)
    assert len(set(first)) == 120
    assert all(learned_pieces(order, size=120, fewest=2) == first for order in (counts, counts[::-1], sorted(counts)))


def _many_words() -> list[str]:
    return [f"{number * 7919 % 10_000:04d}" for number in range(200)]


def test_the_first_pieces_are_a_smaller_set() -> None:
    """A sweep learns the largest vocabulary once and gives a trial its beginning."""
    pytest.importorskip("tokenizers")
    counts = [(word, 3) for word in _many_words()]
    assert learned_pieces(counts, size=120, fewest=2)[:90] == learned_pieces(counts, size=90, fewest=2)


def test_letters_are_the_commonest_and_rare_ones_unknown() -> None:
    pytest.importorskip("tokenizers")
    pieces = learned_pieces([("ab", 5), ("ba", 4), ("éa", 1)], size=16, fewest=1)
    assert "é" not in pieces
    vocabulary = Vocabulary(pieces, tokenizer="subwords")
    assert vocabulary.encode(["é ab"], max_tokens=4)[0][0, 0] == UNKNOWN


def test_overviews_in_pieces() -> None:
    pytest.importorskip("tokenizers")
    counts = count_words(OVERVIEWS, "subwords")
    assert counts["the"] == 4
    vocabulary = Vocabulary.from_counts(counts.items(), size=400, fewest=2, tokenizer="subwords")
    assert len(vocabulary) <= 400
    ids, lengths = vocabulary.encode(["The hunters", "", "hunts hunts hunts"], max_tokens=3)
    told = [vocabulary.tokens[i - 2] for i in ids[0, : lengths[0]]]
    assert told[0] == "the"
    assert "".join(told[1:]).replace("##", "").startswith("hunt")
    assert (ids[1].tolist(), int(lengths[1])) == ([UNKNOWN, 0, 0], 1)
    assert int(lengths[2]) == 3
    unseen, length = vocabulary.encode(["hound"], max_tokens=9)
    assert UNKNOWN not in unseen[0, : length[0]]  # a word never seen, in pieces that were


def test_the_package_that_learns_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[subwords\]'"):
        Vocabulary.from_counts([("a", 1)], size=9, tokenizer="subwords")
