"""Splits films into subsets that each hold every genre in the same proportion."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from datasets.films import FilmsError

# Desires are kept as whole numbers of billionths of a film: ties are then exact, and the split does not hang
# on how a machine rounds.
_FILM = 10**9


def stratified_split(ids: Sequence[str], labels: np.ndarray, *, shares: Mapping[str, float], seed: int) -> np.ndarray:
    """Assigns each film to a subset so that each subset holds its share of every genre, and of the films.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, "On the Stratification of Multi-Label Data",
    ECML PKDD 2011, Algorithm 1): the genre with the fewest films left goes first; each of its films goes to
    the subset that lacks most films of this genre, among equals to the one that lacks most films overall,
    among equals at random. That algorithm balances genres, not sizes (it may leave a validation subset of
    481 films 15 too large), so a few films of the most frequent genres move afterwards, until each size is
    its share of the films to the nearest film.

    All chance comes from a hash of `seed` and film id: the split is the same on every machine, with every
    NumPy, and for the films in any order.

    Args:
        ids: N ids, all different.
        labels: [N, G] of any numeric or bool dtype, each value 0 or 1.
        shares: what part of the films each subset gets; at least 0 each, and 1 in all. A share of 0 leaves
            the subset empty; "train" may not be 0.
        seed: another seed gives another split.

    Returns:
        [N] array of str, the name of each film's subset, aligned with `ids`.

    Raises:
        FilmsError: the shares do not add up, or there are fewer films than subsets with a share.
        ValueError: ids repeat, or labels are not [N, G] of 0 and 1.
    """
    names = list(shares)
    parts = _parts(shares)
    has = _checked_labels(labels, len(ids))
    sizes = _sizes(len(ids), parts, names)
    words = _hash_words(ids, seed)
    order = np.lexsort((words[:, 1], words[:, 0]))
    words, has = words[order], has[order]
    if len(ids) > 1 and (words[1:] == words[:-1]).all(axis=1).any():
        twice = order[np.flatnonzero((words[1:] == words[:-1]).all(axis=1))[0]]
        raise ValueError(f"The id {ids[twice]!r} occurs more than once; each film is split once.")
    subset = _Handout(has, parts, words[:, 1], seed).run()
    _repair_sizes(subset, has, parts, sizes)
    result = np.empty(len(ids), dtype=np.intp)
    result[order] = subset
    return np.array(names, dtype=np.str_)[result]


class _Handout:
    """Algorithm 1 of the paper, one genre at a time instead of one film at a time.

    While the films of one genre are handed out, a choice depends only on how many films of this genre, and
    how many films overall, each subset still desires. With its k-th film of the pass a subset's two desires
    have both fallen by k. So the subsets' desires are falling lists, known before the pass, and giving each
    film to the greatest desire merges these lists: one sort for each genre, with the paper's result.
    """

    def __init__(self, has: np.ndarray, parts: list[int], words: np.ndarray, seed: int) -> None:
        """`has` [N, G] bool, `words` [N] uint64, both by the films' hashes; `parts` in billionths."""
        self.has, self.words = has, words
        self.open = [j for j, part in enumerate(parts) if part > 0]
        self.subset = np.full(len(has), -1, dtype=np.intp)
        share = np.array(parts, dtype=np.int64)
        self.wants_films = share * len(has)
        self.wants_genre = share[:, None] * has.sum(axis=0, dtype=np.int64)
        # An odd number for each subset: times a film's word, it draws between subsets that are tied.
        drawn = [hashlib.blake2b(f"{seed} {j}".encode(), digest_size=8).digest() for j in range(len(parts))]
        self.draw = np.array([int.from_bytes(word, "little") | 1 for word in drawn], dtype=np.uint64)

    def run(self) -> np.ndarray:
        """Returns [N] intp, the subset of each film."""
        left = self.has.sum(axis=0, dtype=np.int64)
        while left.any():
            genre = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
            films = np.flatnonzero((self.subset < 0) & self.has[:, genre])
            self._hand_out(films, self.wants_genre[:, genre].copy())
            left -= self.has[films].sum(axis=0, dtype=np.int64)
        rest = np.flatnonzero(self.subset < 0)
        self._hand_out(rest, self.wants_films.copy())
        return self.subset

    def _hand_out(self, films: np.ndarray, desire: np.ndarray) -> None:
        """Assigns `films` (indices) by `desire` [subsets] int64, and lowers what the subsets desire."""
        taken = np.arange(len(films), dtype=np.int64) * _FILM
        to = np.repeat(np.array(self.open, dtype=np.intp), len(films))
        first = np.concatenate([desire[j] - taken for j in self.open])
        second = np.concatenate([self.wants_films[j] - taken for j in self.open])
        third = np.concatenate([self.words[films] * self.draw[j] for j in self.open])
        self.subset[films] = to[np.lexsort((third, -second, -first))[: len(films)]]
        for j in self.open:
            mine = films[self.subset[films] == j]
            self.wants_films[j] -= len(mine) * _FILM
            self.wants_genre[j] -= self.has[mine].sum(axis=0, dtype=np.int64) * _FILM


def _repair_sizes(subset: np.ndarray, has: np.ndarray, parts: list[int], sizes: np.ndarray) -> None:
    """Moves films, in place, from subsets that are too large until each has its size.

    Each move is the one that adds least to the sum over genres of (deviation in films)^2 / films of the
    genre. Films with the same genres cost the same, so costs are computed for each combination of genres.
    They are summed genre by genre, not by a matrix product, whose order of summation differs between
    machines.
    """
    extra = np.bincount(subset, minlength=len(parts)) - sizes
    if not extra.any():
        return
    packed = np.packbits(has, axis=1)
    _, first, kind = np.unique(
        packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    genres_of = has[first]
    total = has.sum(axis=0, dtype=np.int64)
    share = np.array(parts, dtype=np.float64) / _FILM
    count = np.stack([has[subset == j].sum(axis=0, dtype=np.int64) for j in range(len(parts))])
    off = count - share[:, None] * total
    held = np.stack([np.bincount(kind[subset == j], minlength=len(first)) for j in range(len(parts))])
    while extra.any():
        a, b = int(extra.argmax()), int(extra.argmin())
        cost = np.zeros(len(first))
        for genre in np.flatnonzero(total):
            # (off_a - 1)^2 + (off_b + 1)^2 less what they were.
            cost += genres_of[:, genre] * (2 * (1 + off[b, genre] - off[a, genre]) / total[genre])
        cost[held[a] == 0] = np.inf
        best = int(cost.argmin())
        subset[np.flatnonzero((kind == best) & (subset == a))[0]] = b
        for j, step in ((a, -1), (b, 1)):
            extra[j] += step
            held[j, best] += step
            off[j] += step * genres_of[best]


def _parts(shares: Mapping[str, float]) -> list[int]:
    """The shares in billionths, which sum to exactly one billion."""
    shown = ", ".join(f"{name} {share:g}" for name, share in shares.items())
    if not shares or any(not math.isfinite(share) or share < 0 for share in shares.values()):
        raise FilmsError(f"The shares of the split are {shown or 'missing'}: give each subset a share from 0 to 1.")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise FilmsError(f"The shares of the split ({shown}) sum to {sum(shares.values()):g}: they must sum to 1.")
    parts = [round(share * _FILM) for share in shares.values()]
    parts[parts.index(max(parts))] += _FILM - sum(parts)
    return parts


def _checked_labels(labels: np.ndarray, films: int) -> np.ndarray:
    """`labels` as [N, G] bool; raises ValueError where they are anything else than 0 and 1."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or len(labels) != films or not labels.shape[1]:
        raise ValueError(f"Labels have shape {labels.shape}; {films} ids need [{films}, genres].")
    has = labels.astype(bool)
    if not (labels == has).all():
        row, column = np.argwhere(labels != has)[0]
        raise ValueError(f"Label {column} of film {row} is {labels[row, column]}; labels are 0 or 1.")
    return has


def _sizes(films: int, parts: list[int], names: list[str]) -> np.ndarray:
    """Films for each subset: its share to the nearest film (largest remainders), but at least 1 for a share.

    Raises FilmsError where there are fewer films than subsets with a share.
    """
    wanted = [name for name, part in zip(names, parts, strict=True) if part > 0]
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


def _hash_words(ids: Sequence[str], seed: int) -> np.ndarray:
    """[N, 2] uint64, 128 bits of BLAKE2b for each id, keyed by the seed."""
    start = hashlib.blake2b(str(seed).encode(), digest_size=16, person=b"films split")
    digests = bytearray()
    for film in ids:
        hashed = start.copy()
        # The space ends the seed, so that seed 1 and film "2x" differ from seed 12 and film "x".
        hashed.update(b" " + film.encode("utf-8", "surrogatepass"))
        digests += hashed.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)
