"""Films of rare genres come more often where they are asked for: by how much, in which batches, and when not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from datasets.batches.batching import Batch, BatchConfig, Block, training_batches, validation_batches
from tests.datasets.batches.blocks import both, films_of, long_tailed, posters

RARE = 10


def with_genres(films: int, block: int = 7) -> Iterator[Block]:
    """Films that are numbered in their picture: the first 10 have a rare genre, all but the last 10 a common one."""
    for blocks in posters(films, block):
        number = blocks["labels"][:, 0]
        labels = np.stack([number < RARE, number < films - RARE], axis=1).astype(np.float32)
        yield {"inputs": blocks["inputs"], "labels": labels}


def numbers_of(batches: list[Batch]) -> list[int]:
    return [int(n) for batch in batches for n in batch["inputs"][batch["weights"] > 0, 0, 0, 0]]


def oversampled(films: int, share: float, **order: Any) -> list[Batch]:
    where = {"seed": 0, "epoch": 1, "rank": 0, **order}
    return list(training_batches(with_genres(films), BatchConfig(4, oversample_share=share), **where))


def test_rare_genres_are_drawn_by_their_inverse_frequency() -> None:
    """Of 2,010 films 10 have the rare genre: a chance of 1/10 each. 1,990 have the common one alone and 10 have none:
    1/2,000 each. So half of the films drawn anew are of the rare genre."""
    plain, drawn = numbers_of(oversampled(2_010, 0.0)), numbers_of(oversampled(2_010, 0.5))
    assert sorted(plain) == list(range(2_010))
    assert len(drawn) == len(plain)
    counts = np.bincount(drawn, minlength=2_010)
    anew = 1_005
    once = RARE * 0.5  # of the half that is not drawn anew
    assert counts[:RARE].sum() == pytest.approx(anew / 2 + once, abs=4 * np.sqrt(anew / 4))
    assert counts[:RARE].min() > 20
    # A share is left out, and the others are there once or, drawn by chance, a little more often.
    assert 0.3 < (counts[RARE:] == 0).mean() < 0.5
    assert counts[RARE:].max() <= 6


def test_oversampling_keeps_steps_and_has_a_seed() -> None:
    plain, one = oversampled(50, 0.0), oversampled(50, 0.4)
    assert [b["weights"].tolist() for b in one] == [b["weights"].tolist() for b in plain]
    assert numbers_of(oversampled(50, 0.4)) == numbers_of(one)
    for other in ({"seed": 1}, {"epoch": 2}, {"rank": 1}):
        assert numbers_of(oversampled(50, 0.4, **other)) != numbers_of(one)
    everything = numbers_of(oversampled(50, 1.0))
    assert len(everything) == 50 and len(set(everything)) < 45


def test_validation_is_never_oversampled() -> None:
    batches = list(validation_batches(with_genres(50), BatchConfig(4, oversample_share=1.0)))
    assert numbers_of(batches) == list(range(50))


def test_oversampling_of_overviews_stays_in_batches_of_like_length() -> None:
    lengths = long_tailed(1000)
    batching = BatchConfig(16, oversample_share=0.5)
    batches = list(training_batches(both(lengths), batching, seed=0, epoch=1, rank=0))
    assert len(films_of(batches)) == 1000
    computed = sum(batch["inputs"]["tokens"].size for batch in batches)
    assert computed < 1.6 * sum(lengths[film] for film in films_of(batches))


def test_films_without_any_genre_can_be_oversampled() -> None:
    nothing = {"inputs": np.zeros((9, 2, 2, 3)), "labels": np.zeros((9, 3), np.float32)}
    batches = list(training_batches([nothing], BatchConfig(4, oversample_share=0.5), seed=0, epoch=1, rank=0))
    assert sum(batch["weights"].sum() for batch in batches) == 9


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_no_share_to_oversample(share: float) -> None:
    with pytest.raises(ValueError, match="oversampling must be 0 to 1"):
        BatchConfig(4, oversample_share=share)
