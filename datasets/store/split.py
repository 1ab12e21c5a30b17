"""Stratified split of films into subsets with every genre in the same proportion.

The splitting process holds 16 bytes of each film's id hash and one bit for each genre, in numpy columns. With
intermediate results its peak is about 90 bytes per film (`benchmarks/scale_up.py`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from datasets.raw.rejects import FilmsError

# Desires are integers in billionths of a film: ties are then exact, and the split does not depend on a machine's
# rounding.
_FILM = 10**9
_AT_ONCE = 65_536  # films whose bits are unpacked at a time


def stratified_split(ids: Sequence[str], labels: np.ndarray, *, shares: Mapping[str, float], seed: int) -> np.ndarray:
    """Assign each film to a subset, stratified by genre and size.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, "On the Stratification of Multi-Label Data",
    ECML PKDD 2011, Algorithm 1): the genre with the fewest films left goes first; each of its films goes to
    the subset that lacks most films of this genre; ties go to the one that lacks most films overall, then at random.
    That algorithm balances genres, not sizes (it may leave a validation subset of 481 films 15 too large), so a few
    films of the most frequent genres are moved afterwards, until each size is its share to the nearest film.

    All randomness comes from a hash of `seed` and film id: the split is the same on every machine, with every NumPy
    version, and for any order of the films.

    Args:
        ids: N ids, all different.
        labels: [N, G] of any numeric or bool dtype, each value 0 or 1.
        shares: share of the films of each subset; at least 0 each, 1 in total. A share of 0 leaves the subset empty;
            "train" may not be 0.
        seed: another seed gives another split.

    Returns:
        [N] array of str, the name of each film's subset, aligned with `ids`.

    Raises:
        FilmsError: the shares do not add up, or there are fewer films than subsets with a share.
        ValueError: ids repeat, or labels are not [N, G] of 0 and 1.
    """
    names = np.array(list(shares), dtype=np.str_)
    has = _checked_labels(labels, len(ids))
    return names[split_hashed(hash_ids(ids, seed), pack_bits(has), genres=has.shape[1], shares=shares, seed=seed)]


def split_hashed(
    words: np.ndarray, packed: np.ndarray, *, genres: int, shares: Mapping[str, float], seed: int
) -> np.ndarray:
    """Split as `stratified_split` does, from hashed ids and packed labels.

    Args:
        words: [N, 2] uint64 of `hash_ids`, with the same seed.
        packed: [N, genres / 8] uint8 of `pack_bits`.
        genres: number of genres.
        shares: as for `stratified_split`.
        seed: as for `stratified_split`.

    Returns:
        [N] int8, the index of each film's subset in `shares`.

    Raises:
        FilmsError: the shares do not add up, or there are fewer films than subsets with a share.
        ValueError: ids repeat.
    """
    parts = _parts(shares)
    sizes = _sizes(len(words), parts, list(shares))
    order = np.lexsort((words[:, 1], words[:, 0]))
    same = np.flatnonzero((words[order[1:], 0] == words[order[:-1], 0]) & (words[order[1:], 1] == words[order[:-1], 1]))
    if len(same):
        twice = sorted(order[same[0] : same[0] + 2].tolist())
        raise ValueError(f"Films number {twice[0]} and {twice[1]} have the same id; each film is split once.")
    packed = packed[order]
    subset = _Handout(packed, genres, parts, words[order, 1], seed).run()
    _repair_sizes(subset, packed, genres, parts, sizes)
    result = np.empty(len(words), dtype=np.int8)
    result[order] = subset
    return result


def subsample(subset: np.ndarray, words: np.ndarray, number: int, share: float) -> None:
    """Keep a share of one subset's films, at least one; mark the others -1, in place.

    The choice depends on ids and the split's seed: films kept at a smaller share are kept at every larger one.

    Args:
        subset: [N] int8 of `split_hashed`.
        words: [N, 2] uint64 of `hash_ids`.
        number: index of the subset.
        share: above 0, at most 1.
    """
    if share == 1:  # no need to sort millions of films
        return
    films = np.flatnonzero(subset == number)
    # Not the word that breaks ties between subsets.
    order = np.argsort(words[films, 0], kind="stable")
    subset[films[order[max(1, round(share * len(films))) :]]] = -1


def pack_bits(labels: np.ndarray) -> np.ndarray:
    """Pack labels [N, G] of 0 and 1 into bits, uint8 [N, ceil(G / 8)]."""
    return np.packbits(labels.astype(bool), axis=1)


def count_genres(packed: np.ndarray, genres: int) -> np.ndarray:
    """Count the films of each genre, int64 [genres], from bits [N, genres / 8]."""
    total = np.zeros(genres, np.int64)
    for start in range(0, len(packed), _AT_ONCE):
        total += np.unpackbits(packed[start : start + _AT_ONCE], axis=1, count=genres).sum(axis=0, dtype=np.int64)
    return total


class _Handout:
    """Algorithm 1 of the paper, vectorised by genre.

    While the films of one genre are assigned, a choice depends only on the number of films of this genre, and of films
    overall, that each subset still desires. After its k-th film of the pass, both are lower by k. So desires are
    decreasing lists, known before the pass, and giving each film to the greatest desire merges these lists: one sort
    for each genre, with the paper's result.
    """

    def __init__(self, packed: np.ndarray, genres: int, parts: list[int], words: np.ndarray, seed: int) -> None:
        """Take `packed` [N, genres / 8] uint8 and `words` [N] uint64, sorted by hash; `parts` in billionths."""
        self.packed, self.genres, self.words = packed, genres, words
        self.open = [j for j, part in enumerate(parts) if part > 0]
        self.subset = np.full(len(packed), -1, dtype=np.int8)
        share = np.array(parts, dtype=np.int64)
        self.left = count_genres(packed, genres)
        self.wants_films = share * len(packed)
        self.wants_genre = share[:, None] * self.left
        # An odd number for each subset: its product with a film's word breaks ties at random.
        digests = [hashlib.blake2b(f"{seed} {j}".encode(), digest_size=8).digest() for j in range(len(parts))]
        self.draw = np.array([int.from_bytes(word, "little") | 1 for word in digests], dtype=np.uint64)

    def run(self) -> np.ndarray:
        """Return [N] int8, the subset of each film."""
        while self.left.any():
            genre = int(np.where(self.left > 0, self.left, np.iinfo(np.int64).max).argmin())
            of_genre = (self.packed[:, genre // 8] & (128 >> genre % 8)).astype(bool)
            self._hand_out(np.flatnonzero((self.subset < 0) & of_genre), self.wants_genre[:, genre].tolist())
        self._hand_out(np.flatnonzero(self.subset < 0), self.wants_films.tolist())
        return self.subset

    def _hand_out(self, films: np.ndarray, desire: list[int]) -> None:
        """Assign `films` (indices) by `desire` [subsets], and lower the subsets' desires."""
        lengths = self._reached(len(films), desire)
        first = np.concatenate([desire[j] - np.arange(n) * _FILM for j, n in lengths.items()])
        second = np.concatenate([self.wants_films[j] - np.arange(n) * _FILM for j, n in lengths.items()])
        third = np.concatenate([self.words[films[:n]] * self.draw[j] for j, n in lengths.items()])
        to = np.repeat(np.array(list(lengths), dtype=np.int8), list(lengths.values()))
        np.negative(first, out=first)
        np.negative(second, out=second)
        self.subset[films] = to[np.lexsort((third, second, first))[: len(films)]]
        for j in self.open:
            mine = films[self.subset[films] == j]
            count = count_genres(self.packed[mine], self.genres)
            self.wants_films[j] -= len(mine) * _FILM
            self.wants_genre[j] -= count * _FILM
            self.left -= count

    def _reached(self, films: int, desire: list[int]) -> dict[int, int]:
        """Return the length of each open subset's list of desires that needs sorting.

        Only the greatest `films` desires of all lists together count; the others need no sorting.
        """

        def down_to(least: int) -> dict[int, int]:
            return {j: min(films, max(0, (desire[j] - least) // _FILM + 1)) for j in self.open}

        low, high = min(desire) - films * _FILM, max(desire) + 1
        while high - low > 1:  # enough desires are at least `low`, too few at least `high`
            middle = (low + high) // 2
            low, high = (middle, high) if sum(down_to(middle).values()) >= films else (low, middle)
        return down_to(low)


def _repair_sizes(subset: np.ndarray, packed: np.ndarray, genres: int, parts: list[int], sizes: np.ndarray) -> None:
    """Move films in place from oversized subsets until each has its size.

    Each move is the one that adds least to the sum over genres of (deviation in films)^2 / films of the genre. Films
    with the same genres cost the same, so costs are computed for each combination of genres. They are summed genre by
    genre, not by a matrix product, whose order of summation differs between machines.
    """
    extra = np.bincount(subset, minlength=len(parts)) - sizes
    if not extra.any():
        return
    first, kind = _kinds(packed)
    genres_of = np.unpackbits(packed[first], axis=1, count=genres).astype(bool)
    count = np.stack([count_genres(packed[subset == j], genres) for j in range(len(parts))])
    total = count.sum(axis=0)
    share = np.array(parts, dtype=np.float64) / _FILM
    off = count - share[:, None] * total
    held = np.stack([np.bincount(kind[subset == j], minlength=len(first)) for j in range(len(parts))])
    while extra.any():
        a, b = int(extra.argmax()), int(extra.argmin())
        cost = np.zeros(len(first))
        for genre in np.flatnonzero(total):
            # (off_a - 1)^2 + (off_b + 1)^2 - off_a^2 - off_b^2.
            cost += genres_of[:, genre] * (2 * (1 + off[b, genre] - off[a, genre]) / total[genre])
        cost[held[a] == 0] = np.inf
        best = int(cost.argmin())
        subset[np.flatnonzero((kind == best) & (subset == a))[0]] = b
        for j, step in ((a, -1), (b, 1)):
            extra[j] += step
            held[j, best] += step
            off[j] += step * genres_of[best]


def _kinds(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return one film per combination of genres, and each film's combination index."""
    keys: np.ndarray = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    if packed.shape[1] <= 8:  # Integers sort faster than bytes, in the same order.
        numbers = np.zeros(len(packed), np.uint64)
        for column in packed.T:
            numbers <<= np.uint64(8)
            numbers |= column
        keys = numbers
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    return first, kind


def _parts(shares: Mapping[str, float]) -> list[int]:
    """Return the shares in billionths, which sum to exactly one billion."""
    shown = ", ".join(f"{name} {share:g}" for name, share in shares.items())
    if not shares or any(not math.isfinite(share) or share < 0 for share in shares.values()):
        raise FilmsError(f"The shares of the split are {shown or 'missing'}: give each subset a share from 0 to 1.")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise FilmsError(f"The shares of the split ({shown}) sum to {sum(shares.values()):g}: they must sum to 1.")
    parts = [round(share * _FILM) for share in shares.values()]
    parts[parts.index(max(parts))] += _FILM - sum(parts)
    return parts


def _checked_labels(labels: np.ndarray, films: int) -> np.ndarray:
    """Return `labels` as [N, G] bool; raise ValueError for values other than 0 and 1."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or len(labels) != films or not labels.shape[1]:
        raise ValueError(f"Labels have shape {labels.shape}; {films} ids need [{films}, genres].")
    has = labels.astype(bool)
    if not (labels == has).all():
        row, column = np.argwhere(labels != has)[0]
        raise ValueError(f"Label {column} of film {row} is {labels[row, column]}; labels are 0 or 1.")
    return has


def _sizes(films: int, parts: list[int], names: list[str]) -> np.ndarray:
    """Return the number of films of each subset, by largest remainders.

    A subset with a share gets at least 1. Raises FilmsError where there are fewer films than subsets with a share.
    """
    wanted = [name for name, part in zip(names, parts, strict=True) if part > 0]
    if not films:
        raise FilmsError("no film is left to split: each was rejected, or none has a genre. See the rejects.")
    if films < len(wanted):
        raise FilmsError(
            f"{films} films cannot fill the {len(wanted)} subsets {', '.join(wanted)}: "
            "add films, or give the subsets you can do without a share of 0."
        )
    sizes = np.array([part * films // _FILM for part in parts], dtype=np.int64)
    rests = np.array([part * films % _FILM for part in parts], dtype=np.int64)
    sizes[np.argsort(-rests, kind="stable")[: films - int(sizes.sum())]] += 1
    for j, part in enumerate(parts):
        if part > 0 and sizes[j] == 0:
            sizes[sizes.argmax()] -= 1
            sizes[j] = 1
    return sizes


def hash_ids(ids: Sequence[str], seed: int) -> np.ndarray:
    """Return [N, 2] uint64, 128 bits of BLAKE2b for each id, keyed by the seed."""
    start = hashlib.blake2b(str(seed).encode(), digest_size=16, person=b"films split")
    digests = bytearray()
    for film in ids:
        hashed = start.copy()
        # The space separates the seed, so that seed 1 and film "2x" differ from seed 12 and film "x".
        hashed.update(b" " + film.encode("utf-8", "surrogatepass"))
        digests += hashed.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)
