"""Films and batches divided among workers."""

from __future__ import annotations

import pytest

from datasets.batches.shares import equal_shares, training_shares


@pytest.mark.parametrize("workers", range(1, 8))
@pytest.mark.parametrize("batch", [8, 13, 64])
@pytest.mark.parametrize("films", [1, 7, 63, 64, 65, 1000])
def test_any_number_of_workers_takes_the_steps_of_one(films: int, batch: int, workers: int) -> None:
    shares, parts = training_shares(films, batch, workers), equal_shares(batch, workers)
    assert sum(shares) == films and sum(parts) == batch
    steps = [-(-share // part) for share, part in zip(shares, parts, strict=True)]
    assert max(steps) == -(-films // batch)
    # All steps but the last are of the whole batch.
    assert min(share // part for share, part in zip(shares, parts, strict=True)) >= films // batch
    if batch % workers == 0:
        assert shares == equal_shares(films, workers)


def test_by_hand() -> None:
    assert equal_shares(10, 3) == (4, 3, 3)
    assert training_shares(150, 64, 3) == (2 * 22 + 8, 2 * 21 + 7, 2 * 21 + 7)
