"""Words and token ids, by hand and beside Keras' TextVectorization, whose rules they follow."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from datasets.text.vocabulary import PADDING, UNKNOWN, Vocabulary, count_words, words_of

ASCII = [
    "A young man's journey -- from rags to riches; it is 1969!",
    "U.S. agents (led by J.R.) re-open case #42: 100% risk?",
    "tabs\tand\nnew lines,  and   blanks ",
    "under_score [brackets] {braces} back\\slash `tick` a~b^c|d <e>=f@g*h+i&j$k/l",
    "",
    "...",
    'He said: "no". DON\'T',
    "the the The THE",
]


def test_words_by_hand() -> None:
    assert words_of("It's a TRAP -- isn't it?") == ["its", "a", "trap", "isnt", "it"]
    assert words_of("sci-fi, 2001 A.D.") == ["scifi", "2001", "ad"]
    assert words_of("") == words_of(" ?! ") == []
    assert words_of("Élan ÉTÉ naïve") == ["élan", "été", "naïve"]  # letters of any alphabet are made small and kept


@pytest.mark.parametrize("overview", ASCII)
def test_words_are_those_of_keras(overview: str) -> None:
    layer = keras.layers.TextVectorization()
    layer.adapt([*ASCII, overview])
    told = [layer.get_vocabulary()[i] for i in np.asarray(layer([overview]))[0] if i]
    assert words_of(overview) == told


def test_ids_are_those_of_keras() -> None:
    """With counts that all differ, so that the order among equals does not come in."""
    overviews = ["night night night night", "day. Day! day", "dusk dusk", "dawn"]
    layer = keras.layers.TextVectorization(max_tokens=5)
    layer.adapt(overviews)
    ours = Vocabulary.from_counts(count_words(overviews).items(), size=5)
    assert list(ours.tokens) == layer.get_vocabulary()[2:]
    asked = ["Dusk, night and DAY", "dawn dusk"]
    ids, _ = ours.encode(asked, max_tokens=4)
    assert ids.tolist() == np.asarray(layer(asked)).tolist()


def test_commonest_first_and_ties_by_the_alphabet() -> None:
    counts = count_words(["b a c", "c B d", "e"])
    assert counts == {"b": 2, "c": 2, "a": 1, "d": 1, "e": 1}
    for order in (list(counts.items()), sorted(counts.items(), reverse=True)):
        assert Vocabulary.from_counts(order, size=6).tokens == ("b", "c", "a", "d")


@pytest.mark.parametrize(("size", "kept"), [(100, 3), (5, 3), (4, 2), (3, 1), (2, 0), (0, 0)])
def test_ids_stay_below_the_size(size: int, kept: int) -> None:
    """Two ids are taken: padding and unknown."""
    vocabulary = Vocabulary.from_counts([("x", 3), ("y", 2), ("z", 1)], size=size)
    assert vocabulary.tokens == ("x", "y", "z")[:kept]
    assert len(vocabulary) == kept + 2
    ids, _ = vocabulary.encode(["x y z"], max_tokens=5)
    assert ids.max() == (UNKNOWN if kept < 3 and kept == 0 else kept + 1)
    assert ids.max() < max(size, 2)


def test_encode_by_hand() -> None:
    vocabulary = Vocabulary(["the", "ship", "sinks"])
    ids, lengths = vocabulary.encode(["The ship!", "the iceberg sinks the ship twice", "", "?!", "berg"], max_tokens=4)
    assert ids.tolist() == [[2, 3, 0, 0], [2, 1, 4, 2], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert lengths.tolist() == [2, 4, 1, 1, 1]
    assert ids.dtype == lengths.dtype == np.int32
    assert (PADDING, UNKNOWN) == (0, 1)


def test_encode_no_overviews() -> None:
    ids, lengths = Vocabulary(["the"]).encode([], max_tokens=4)
    assert (ids.shape, lengths.shape) == ((0, 4), (0,))


def test_a_token_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="each token once"):
        Vocabulary(["the", "ship", "the"])
