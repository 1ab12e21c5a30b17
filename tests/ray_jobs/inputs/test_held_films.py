"""Rows of films in the object store."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import ray.data

from ray_jobs.inputs.held_films import hold


@pytest.mark.cluster
@pytest.mark.usefixtures("local_ray")
def test_shares_are_the_films_in_their_order() -> None:
    blocks = [{"film": np.arange(start, start + 10)} for start in (0, 10, 20)]
    held = hold(ray.data.from_numpy_refs([ray.put(block["film"]) for block in blocks]))
    assert held.rows == (10, 10, 10)

    def films(start: int, stop: int) -> list[int]:
        return [film for block in held.blocks(start, stop) for film in block["data"].tolist()]

    for cuts in ((0, 30), (0, 13, 30), (0, 10, 20, 30), (0, 1, 2, 29, 30)):
        assert [films(a, b) for a, b in itertools.pairwise(cuts)] == [
            list(range(a, b)) for a, b in itertools.pairwise(cuts)
        ]
    assert films(30, 30) == []
