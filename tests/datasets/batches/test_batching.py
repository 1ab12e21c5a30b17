"""Batches for one worker: every film once, in an order that seed, epoch and rank set, with little padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from datasets.batches.batching import (
    LENGTHS,
    Batch,
    BatchConfig,
    Block,
    bytes_array,
    padded_length,
    training_batches,
    truncate_tokens,
    validation_batches,
)
from datasets.text.vocabulary import Vocabulary
from tests.datasets.batches.blocks import both, epoch_of, films_of, long_tailed, overviews, posters


@pytest.mark.parametrize("films", [1, 4, 21, 24])
@pytest.mark.parametrize("window", [1, 10, 1000])
def test_every_film_once_in_batches_of_one_size(films: int, window: int) -> None:
    batches = epoch_of(posters(films), window=window)
    assert len(batches) == -(-films // 4)
    assert sorted(films_of(batches)) == list(range(films))
    for batch in batches:
        assert batch["inputs"].shape == (4, 2, 2, 3)
        assert batch["labels"].shape == (4, 1)
        assert batch["weights"].dtype == np.float32
        assert set(batch["weights"].tolist()) <= {0.0, 1.0}
    assert [int(batch["weights"].sum()) for batch in batches[:-1]] == [4] * (len(batches) - 1)


@pytest.mark.parametrize(("films", "different"), [(21, 4), (6, 4), (3, 3), (1, 1)])
def test_the_last_batch_is_filled_with_films_of_the_one_before(films: int, different: int) -> None:
    """Batch normalisation sees rows of no weight too: they must not be one film many times."""
    batches = epoch_of(posters(films))
    last = batches[-1]["labels"][:, 0].tolist()
    assert len(set(last)) == different
    if films > 4:
        filling = [film for film, weight in zip(last, batches[-1]["weights"], strict=True) if not weight]
        assert set(filling) <= set(batches[-2]["labels"][:, 0].tolist())


def test_order_is_set_by_seed_epoch_and_rank() -> None:
    first = films_of(epoch_of(posters(50)))
    assert first != list(range(50))
    assert films_of(epoch_of(posters(50))) == first
    for other in ({"seed": 1}, {"epoch": 2}, {"rank": 1}):
        assert films_of(epoch_of(posters(50), **other)) != first


def test_a_window_is_shuffled_in_itself() -> None:
    """40 films through a window of 10, which is cut to whole batches of 4, so to 8."""
    order = films_of(epoch_of(posters(40), window=10))
    for start in range(0, 40, 8):
        part = order[start : start + 8]
        assert sorted(part) == list(range(start, start + 8))
    assert order != list(range(40))


@pytest.mark.parametrize("window", [16, 1000])
def test_block_boundaries_do_not_matter(window: int) -> None:
    wanted = epoch_of(posters(50, block=50), window=window)
    for block in (1, 7, 16):
        for mine, theirs in zip(epoch_of(posters(50, block), window=window), wanted, strict=True):
            for name, column in theirs.items():
                assert mine[name].tolist() == column.tolist()


def test_empty_blocks_are_nothing() -> None:
    nothing = {"inputs": np.zeros((0, 2, 2, 3), np.int32), "labels": np.zeros((0, 1), np.float32)}
    assert epoch_of(iter([nothing])) == []
    blocks = iter([nothing, *posters(9), nothing])
    assert films_of(epoch_of(blocks)) == films_of(epoch_of(posters(9)))


def test_steps_fill_up_with_batches_that_count_nothing() -> None:
    batches = epoch_of(posters(6), steps=4)
    assert [batch["weights"].tolist() for batch in batches] == [[1] * 4, [1, 1, 0, 0], [0] * 4, [0] * 4]
    assert sorted(films_of(batches)) == list(range(6))
    assert {batch["inputs"].shape for batch in batches} == {(4, 2, 2, 3)}
    validation = list(validation_batches(posters(6), BatchConfig(4), steps=3))
    assert [batch["weights"].sum() for batch in validation] == [4, 2, 0]


def test_more_films_than_steps_is_an_error() -> None:
    for batches in (
        training_batches(posters(9), BatchConfig(4), seed=0, epoch=1, rank=0, steps=2),
        validation_batches(posters(9), BatchConfig(4), steps=2),
    ):
        with pytest.raises(ValueError, match="films for more than the 2 steps agreed"):
            list(batches)


def test_no_step_more_than_agreed_is_given_out() -> None:
    """The other workers take no such step: the one that does waits for them forever, and never gets to the error."""
    given: list[Batch] = []
    with pytest.raises(ValueError, match="steps"):
        given.extend(training_batches(posters(90), BatchConfig(4), seed=0, epoch=1, rank=0, steps=2))
    assert len(given) == 2


def test_no_films_where_steps_were_agreed_is_an_error() -> None:
    with pytest.raises(ValueError, match="no films where 2 steps were agreed"):
        epoch_of(posters(0), steps=2)


def test_validation_in_a_fixed_order_each_once() -> None:
    read = [films_of(list(validation_batches(posters(21), BatchConfig(4)))) for _ in range(2)]
    assert read[0] == read[1] == list(range(21))
    lengths = long_tailed(90)
    read = [films_of(list(validation_batches(overviews(lengths, b), BatchConfig(4, 40)))) for b in (100, 11)]
    assert read[0] == read[1]
    assert sorted(read[0]) == list(range(90))


# -- overviews --------------------------------------------------------------------------------------------------------


def test_overviews_are_cut_to_a_length_that_holds_them() -> None:
    lengths = long_tailed(1000)
    batches = epoch_of(overviews(lengths), size=16)
    assert sorted(films_of(batches)) == list(range(1000))
    for batch in batches:
        rows = batch["labels"][:, 0].astype(int)
        padded = batch["inputs"].shape[1]
        assert padded in LENGTHS
        assert padded == min(length for length in LENGTHS if length >= lengths[rows].max())
        assert (batch["inputs"] > 0).sum(axis=1).tolist() == lengths[rows].tolist()  # no token is cut off


def test_little_padding() -> None:
    """Random batches padded to their longest compute more than twice the tokens there are; these under 1.4 times."""
    lengths = long_tailed(5000)
    batches = epoch_of(overviews(lengths), size=64, window=10_000)
    computed = sum(batch["inputs"].size for batch in batches)
    assert computed < 1.4 * lengths.sum()
    shuffled = np.random.default_rng(0).permutation(lengths)
    parts = [shuffled[start : start + 64] for start in range(0, 5000, 64)]
    assert sum(64 * part.max() for part in parts) > 2 * lengths.sum()


def test_batches_of_overviews_mix_anew_in_each_epoch() -> None:
    """Films of like length are not always the same batch, and the lengths come in another order."""
    lengths = long_tailed(1000)
    first, second = (epoch_of(overviews(lengths), size=16, epoch=epoch) for epoch in (1, 2))
    groups = [{frozenset(b["labels"][:, 0].tolist()) for b in batches} for batches in (first, second)]
    assert len(groups[0] & groups[1]) < 0.05 * len(groups[0])
    assert [b["inputs"].shape for b in first] != [b["inputs"].shape for b in second]
    widths = [b["inputs"].shape[1] for b in first]
    assert widths != sorted(widths)


def apart(one: list[Batch], other: list[Batch]) -> float:
    """How many times longer the longer of two ranks' batches is, on average over the steps both take."""
    widths = [[batch["inputs"].shape[1] for batch in batches] for batches in (one, other)]
    return float(np.mean([max(pair) / min(pair) for pair in zip(*widths, strict=False)]))


def test_ranks_step_in_equal_lengths() -> None:
    shares = [long_tailed(1000, seed) for seed in (1, 2)]
    ranks = [epoch_of(overviews(share), 16, 10_000, rank=rank) for rank, share in enumerate(shares)]
    assert films_of(ranks[0]) != films_of(ranks[1])
    assert apart(*ranks) < 1.1
    unrelated = [ranks[0], epoch_of(overviews(shares[1]), 16, 10_000, rank=1, seed=1)]
    assert apart(*unrelated) > 1.5


def test_ranks_step_in_equal_lengths_with_a_film_more() -> None:
    """Shares of 993 and 992 films, as an odd number of films gives, are 63 and 62 batches of 16."""
    shares = [long_tailed(993, 1), long_tailed(992, 2)]
    ranks = [epoch_of(overviews(share), 16, 10_000, rank=rank) for rank, share in enumerate(shares)]
    assert [len(rank) for rank in ranks] == [63, 62]
    assert apart(*ranks) < 1.1


@pytest.mark.parametrize(
    ("longest", "most", "wanted"),
    [
        (1, 256, 8),
        (8, 256, 8),
        (9, 256, 16),
        (97, 256, 128),
        (97, 100, 100),
        (256, 256, 256),
        (600, 600, 600),
        (3, 5, 5),
    ],
)
def test_padded_length(longest: int, most: int, wanted: int) -> None:
    assert padded_length(longest, most) == wanted


@pytest.mark.parametrize(("size", "most"), [(4, 3), (3, 6), (8, 2), (100, 100)])
def test_narrowing_equals_encoding_with_the_smaller_vocabulary_and_length(size: int, most: int) -> None:
    counts = [("the", 9), ("sea", 5), ("old", 5), ("man", 2), ("and", 1)]
    films = ["The old man and the sea", "unheard of", "", "sea sea sea sea sea sea sea sea"]
    largest = Vocabulary.from_counts(counts, size=7)
    ids, lengths = largest.encode(films, max_tokens=6)
    told = truncate_tokens(
        {"inputs": ids, "lengths": lengths, "labels": np.zeros((4, 1))}, vocabulary_size=size, max_tokens=most
    )
    wanted, wanted_lengths = Vocabulary.from_counts(counts, size=min(size, 7)).encode(films, max_tokens=min(most, 6))
    np.testing.assert_array_equal(told["inputs"], wanted)
    np.testing.assert_array_equal(told["lengths"], wanted_lengths)
    assert told["inputs"].dtype == np.int32
    seen = np.zeros((4, 2, 2, 3), np.uint8)
    block = {"poster": seen, "tokens": ids, "lengths": lengths, "labels": np.zeros((4, 1))}
    of_both = truncate_tokens(block, vocabulary_size=size, max_tokens=most)
    assert of_both["poster"] is seen
    np.testing.assert_array_equal(of_both["tokens"], wanted)
    np.testing.assert_array_equal(of_both["lengths"], wanted_lengths)


# -- posters and overviews together -----------------------------------------------------------------------------------


def test_posters_come_with_their_overviews() -> None:
    lengths = long_tailed(1000)
    batches = epoch_of(both(lengths), size=16)
    assert sorted(films_of(batches)) == list(range(1000))  # and looks whether poster, tokens and label are one film's
    for batch in batches:
        assert batch["inputs"].keys() == {"poster", "tokens"}
        assert batch["inputs"]["poster"].shape == (16, 2, 2, 3)


def test_both_come_as_overviews_alone_would() -> None:
    """In the same batches, cut to the same lengths, in training and in validation, filled and added up to the steps."""
    lengths = long_tailed(90)
    read = epoch_of(overviews(lengths), size=16, window=40, steps=8)
    together = epoch_of(both(lengths, 11), size=16, window=40, steps=8)
    read += validation_batches(overviews(lengths), BatchConfig(16))
    together += validation_batches(both(lengths, 11), BatchConfig(16))
    for mine, theirs in zip(together, read, strict=True):
        assert mine["inputs"]["tokens"].tolist() == theirs["inputs"].tolist()
        assert mine["labels"].tolist() == theirs["labels"].tolist()
        assert mine["weights"].tolist() == theirs["weights"].tolist()


# -- vectors of tokens ------------------------------------------------------------------------------------------------


def vectors(lengths: np.ndarray, block: int = 100) -> Iterator[Block]:
    """Film i has the vector (i + 1, place) at each place of its overview, as bytes of float16."""
    for start in range(0, len(lengths), block):
        some = lengths[start : start + block]
        rows = [
            np.stack([np.full(length, start + i + 1), np.arange(length)], axis=1).astype(np.float16).tobytes()
            for i, length in enumerate(some)
        ]
        numbers = np.arange(start, start + len(some), dtype=np.float32)
        yield {"inputs": bytes_array(rows), "lengths": some, "labels": numbers[:, None]}


def test_vectors_of_tokens_are_padded_batch_by_batch() -> None:
    lengths = long_tailed(230)
    seen = []
    for batch in epoch_of(vectors(lengths), size=8):
        films = batch["labels"][:, 0].astype(int)
        seen += films[batch["weights"] > 0].tolist()
        longest = lengths[films].max()
        assert batch["inputs"].dtype == np.float16
        assert batch["inputs"].shape == (8, padded_length(int(longest), 512), 2)
        for film, told in zip(films, batch["inputs"], strict=True):
            assert (told[: lengths[film], 0] == film + 1).all()
            assert told[: lengths[film], 1].tolist() == list(range(lengths[film]))
            assert not told[lengths[film] :].any()
    assert sorted(seen) == list(range(230))


def test_vectors_of_tokens_are_cut_to_fewer_tokens() -> None:
    lengths = np.array([3, 9, 5], np.int32)
    (block,) = vectors(lengths)
    cut = truncate_tokens(block, vocabulary_size=10, max_tokens=5)
    assert cut["lengths"].tolist() == [3, 5, 5]
    (batch,) = validation_batches([cut], BatchConfig(3))
    assert batch["inputs"][:, :, 1].max() == 4
    assert batch["inputs"][:, 0, 0].tolist() == [1, 2, 3]
