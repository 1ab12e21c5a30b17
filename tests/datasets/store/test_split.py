"""The split: genres in proportion, sizes exact, and the same films in the same subset everywhere."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from datasets.raw.rejects import FilmsError
from datasets.store.split import _FILM, _Handout, hash_ids, pack_bits, split_hashed, stratified_split

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def films(number: int, genres: int = 20, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Ids and labels [number, genres] with a long tail, as genres have it: each 0.75 times the one before."""
    draw = np.random.default_rng(seed)
    labels = draw.random((number, genres)) < 0.5 * 0.75 ** np.arange(genres)
    labels[~labels.any(axis=1), 0] = True
    return [f"tt{film:07d}" for film in range(number)], labels.astype(np.float32)


def deviation(labels: np.ndarray, subset: np.ndarray) -> float:
    """Largest deviation of a subset's films of a genre from its share of them, in parts of the genre."""
    total = labels.sum(axis=0)
    worst = [np.abs(labels[subset == name].sum(axis=0) / total - share) for name, share in SHARES.items()]
    return float(np.max(worst))


def test_worked_by_hand_with_one_possible_outcome() -> None:
    """Two genres of 4 films, in 3 parts to 1; each desires 3 and 1, and 6 and 2 films.

    First genre: train desires 3, 2, 1 and takes a film each time (at 1 to 1 it lacks 4 films overall,
    test 2); then test takes the last. Second genre: again 3, 2; at 1 to 1 train lacks 1 film overall, test 1:
    chance; whoever loses takes the last. So each subset gets its share of each genre, whatever chance says.
    """
    labels = np.array([[1, 0]] * 4 + [[0, 1]] * 4)
    for seed in range(20):
        subset = stratified_split([*"abcdefgh"], labels, shares={"train": 0.75, "test": 0.25}, seed=seed)
        assert labels[subset == "train"].sum(axis=0).tolist() == [3, 3]
        assert labels[subset == "test"].sum(axis=0).tolist() == [1, 1]


def test_worked_by_hand_with_chance() -> None:
    """Genres X (a, b), Y (b, c, d, e), Z (e, f, g, h) in two halves P and Q of 4 films.

    X first, the fewest films: one each; say P gets b, so Q gets a. P now lacks 1 of Y and 2 of Z, 3 films in
    all, Q lacks 2 of Y and 2 of Z, 3 films in all.
    Y next (c, d, e left): the first goes to Q. Both lack 1 of Y, but P lacks 3 films and Q 2: the second goes
    to P, the third to Q.
    Z (f, g, h left). If Q has e: Q lacks 1 and P 2 of Z; P takes one, then chance, then the other: 2 to P,
    1 to Q. Every genre is halved and each half has 4 films.
    If P has e: P lacks 1 and Q 2 of Z; Q takes one, then P (it lacks 2 films, Q 0), then Q. Every genre is
    halved, but P has 3 films (b, e and one of Z) and Q 5. One film must move, at the least cost: an X film
    costs 2/2, a Y or Z film 2/4, so one of c, d, f, g, h.
    """
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    seen = set()
    for seed in range(40):
        subset = stratified_split([*"abcdefgh"], labels, shares={"p": 0.5, "q": 0.5}, seed=seed)
        assert Counter(subset.tolist()) == {"p": 4, "q": 4}
        assert subset[0] != subset[1]
        halves = labels[subset == subset[1]].sum(axis=0).tolist()
        e_with_b = bool(subset[4] == subset[1])
        assert halves == [1, 2, 2] if not e_with_b else halves in ([1, 3, 2], [1, 2, 3])
        seen.add(e_with_b)
    assert seen == {True, False}


def test_genre_at_once_is_the_paper_film_by_film() -> None:
    """The sort that hands out a whole genre against Algorithm 1 as printed, one film after another."""
    _, labels = films(700, genres=9)
    has, parts = labels.astype(bool), [_FILM * 7 // 10, _FILM // 10, _FILM * 2 // 10]
    has[:5] = False  # Films without any genre come last.
    words = np.random.default_rng(1).integers(0, 2**63, size=len(has)).astype(np.uint64)
    handout = _Handout(pack_bits(has), 9, parts, words, seed=3)
    draw = [int(word) for word in handout.draw]
    genre_desire = [[part * int(has[:, genre].sum()) for genre in range(9)] for part in parts]
    film_desire = [part * len(has) for part in parts]
    subset = [-1] * len(has)

    def give(some: list[int], desire: Callable[[int], int]) -> None:
        had = [0, 0, 0]
        for film in some:
            ties = [int(words[some[had[j]]]) * draw[j] % 2**64 for j in range(3)]
            best = max(range(3), key=lambda j: (desire(j), film_desire[j], -ties[j]))
            subset[film] = best
            had[best] += 1
            film_desire[best] -= _FILM
            for genre in np.flatnonzero(has[film]):
                genre_desire[best][genre] -= _FILM

    def left(genre: int) -> list[int]:
        return [film for film in range(len(has)) if subset[film] < 0 and has[film, genre]]

    while remaining := [(len(left(genre)), genre) for genre in range(9) if left(genre)]:
        genre = min(remaining)[1]
        give(left(genre), lambda j, genre=genre: genre_desire[j][genre])  # type: ignore[misc]
    give([film for film in range(len(has)) if subset[film] < 0], lambda j: film_desire[j])
    assert handout.run().tolist() == subset


@pytest.mark.parametrize("seed", range(3))
def test_genres_are_spread_far_better_than_by_chance(seed: int) -> None:
    ids, labels = films(5000)
    subset = stratified_split(ids, labels, shares=SHARES, seed=seed)
    by_chance = np.random.default_rng(seed).permutation(subset)
    assert deviation(labels[:, :12], subset) < deviation(labels[:, :12], by_chance) / 5
    # To the nearest film or few in each genre, however rare.
    for name, share in SHARES.items():
        off = labels[subset == name].sum(axis=0) - share * labels.sum(axis=0)
        assert np.abs(off).max() < 6


def test_a_genre_of_three_films() -> None:
    """Shares 2.1, 0.3 and 0.6: train takes two (at 2.1, at 1.1), then test has most, 0.6 to 0.3 and 0.1."""
    ids, labels = films(1000)
    labels = np.column_stack([labels, np.isin(np.arange(1000), [10, 500, 990])])
    for seed in range(5):
        subset = stratified_split(ids, labels, shares=SHARES, seed=seed)
        assert Counter(subset[[10, 500, 990]].tolist()) == {"train": 2, "test": 1}


@pytest.mark.parametrize("number", [3, 4, 7, 10, 99, 1000, 4811])
def test_sizes_are_the_shares_to_the_nearest_film(number: int) -> None:
    ids, labels = films(number)
    sizes = Counter(stratified_split(ids, labels, shares=SHARES, seed=1).tolist())
    assert set(sizes) == set(SHARES) and sum(sizes.values()) == number
    if number >= 10:
        assert all(abs(sizes[name] - share * number) < 1 for name, share in SHARES.items())


def test_order_of_the_films_does_not_matter() -> None:
    ids, labels = films(800)
    subset = stratified_split(ids, labels, shares=SHARES, seed=5)
    order = np.random.default_rng(0).permutation(800)
    moved = stratified_split([ids[film] for film in order], labels[order], shares=SHARES, seed=5)
    assert (moved == subset[order]).all()
    for dtype in (bool, np.int64, np.uint8, np.float64):
        assert (stratified_split(ids, labels.astype(dtype), shares=SHARES, seed=5) == subset).all()


def test_what_is_held_of_a_film_is_a_few_bytes() -> None:
    """Of ids and labels as numpy columns; ten million films must not fill a machine."""
    ids, labels = films(60_000, genres=25)
    words, packed = hash_ids(ids, 4), pack_bits(labels)
    tracemalloc.start()
    subset = split_hashed(words, packed, genres=25, shares=SHARES, seed=4)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert subset.dtype == np.int8 and most / len(ids) < 120
    assert (np.array(list(SHARES))[subset] == stratified_split(ids, labels, shares=SHARES, seed=4)).all()


def test_more_genres_than_a_machine_word_has_bits() -> None:
    ids, labels = films(500, genres=9)
    wide = np.zeros((500, 70), np.float32)
    wide[:, 3:12] = labels
    narrow = stratified_split(ids, labels, shares=SHARES, seed=1)
    assert (stratified_split(ids, wide, shares=SHARES, seed=1) == narrow).all()


def test_seeds_differ() -> None:
    ids, labels = films(800)
    splits = [stratified_split(ids, labels, shares=SHARES, seed=seed) for seed in (0, 1, -1, 2**70)]
    # By chance 0.49 + 0.01 + 0.04 of the films are in the same subset twice.
    for other in splits[1:]:
        assert 0.44 < (splits[0] == other).mean() < 0.64


def test_the_split_never_changes() -> None:
    """Results of years are compared on it. This pins the split of today, good or not."""
    ids, labels = [f"film {number}" for number in range(20)], np.eye(5)[np.arange(20) % 5]
    subset = stratified_split(ids, labels, shares={"a": 0.5, "b": 0.25, "c": 0.25}, seed=42)
    assert "".join(subset) == "bbcbaacbaacaaabaaacc"


def test_another_process_agrees() -> None:
    """Python hashes strings with another salt in each process."""
    code = (
        "import numpy as np; from datasets.store.split import stratified_split as s;"
        "print(*s([f'é{i}' for i in range(60)], np.eye(60, 7) + np.eye(60, 7, -9) > 0, "
        "shares={'train': .5, 'test': .5}, seed=1))"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_films_without_a_genre_are_spread_too() -> None:
    labels = np.zeros((100, 2))
    labels[:50, 0] = 1
    subset = stratified_split([str(film) for film in range(100)], labels, shares=SHARES, seed=0)
    assert Counter(subset[50:].tolist()) == {"train": 35, "validation": 5, "test": 10}


def test_a_share_of_nothing_stays_empty() -> None:
    ids, labels = films(50)
    subset = stratified_split(ids, labels, shares={"train": 0.8, "validation": 0, "test": 0.2}, seed=0)
    assert Counter(subset.tolist()) == {"train": 40, "test": 10}
    assert (stratified_split(ids[:1], labels[:1], shares={"train": 1.0}, seed=0) == ["train"]).all()


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({}, "missing"),
        ({"train": 0.7, "test": 0.2}, "sum to 0.9"),
        ({"train": 1.2, "test": -0.2}, "from 0 to 1"),
        ({"train": float("nan"), "test": 1.0}, "from 0 to 1"),
        ({name: 1 / 7 for name in "abcdefg"}, "6 films cannot fill the 7 subsets a, b, c, d, e, f, g"),
    ],
)
def test_shares_that_cannot_be(shares: dict[str, float], said: str) -> None:
    ids, labels = films(6)
    with pytest.raises(FilmsError, match=said):
        stratified_split(ids, labels, shares=shares, seed=0)


def test_ids_and_labels_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="Films number 0 and 2 have the same id"):
        stratified_split(["b", "a", "b"], np.ones((3, 1)), shares={"train": 1.0}, seed=0)
    for labels in (np.ones((2, 1)), np.ones(3), np.ones((3, 0))):
        with pytest.raises(ValueError, match="have shape"):
            stratified_split(["a", "b", "c"], labels, shares={"train": 1.0}, seed=0)
    for value in (2, -1, 0.5, np.nan):
        with pytest.raises(ValueError, match="labels are 0 or 1"):
            stratified_split(["a"], np.array([[value]]), shares={"train": 1.0}, seed=0)


def test_all_films_may_go_into_one_subset() -> None:
    ids, labels = films(6)
    shares = {"train": 0.0, "validation": 0.0, "test": 1.0}
    assert set(stratified_split(ids, labels, shares=shares, seed=0)) == {"test"}


def test_without_a_film_the_split_says_why() -> None:
    ids, labels = films(6)
    with pytest.raises(FilmsError, match="no film is left to split"):
        stratified_split(ids[:0], labels[:0], shares={"train": 1.0}, seed=0)
