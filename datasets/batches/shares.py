"""Division of films and of batches among the workers of a run."""

from __future__ import annotations


def equal_shares(films: int, workers: int) -> tuple[int, ...]:
    """Return shares of films that differ by at most one between ranks."""
    return tuple(films // workers + (rank < films % workers) for rank in range(workers))


def training_shares(films: int, batch_size: int, workers: int) -> tuple[int, ...]:
    """Return each rank's training films, in proportion to its part of a batch.

    All ranks then take as many steps as one worker would, and every step but the last is of `batch_size` films,
    whatever the number of workers. Where it divides the batch, the shares are equal ones.
    """
    parts, rest = equal_shares(batch_size, workers), equal_shares(films % batch_size, workers)
    return tuple(films // batch_size * part + more for part, more in zip(parts, rest, strict=True))
