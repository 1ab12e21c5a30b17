"""Attributions of a network's logits: Grad-CAM, integrated gradients of words, and the joint model's gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from genre_models.explain import gate
from genre_models.explain.parts import cut

UNKNOWN = 1
"""Token id of unknown words, the baseline of integrated gradients."""
_STEPS = 24  # of Gauss-Legendre quadrature
_ROWS = 192  # of a pass: films, genres and steps


class NetworkAttributions:
    """Attributions of a network by its own convolutions, word embeddings and gate.

    In `heat` and `tokens` a row is a film with a genre, and `inputs` are the model's inputs with an entry for each row.
    """

    def __init__(self, model: Any, *, pretrained: bool = False) -> None:
        """Cut the Keras model of a checkpoint.

        Args:
            model: the model.
            pretrained: whether a pretrained encoder reads the films, outside or inside it.
        """
        from genre_models.explain.gradients import input_gradients

        self._gate = gate.gate_model(model) if gate.has_gate(model) else None
        self._kernel = model.get_layer("genres").get_weights()[0] if self._gate is not None else None
        self._place: dict[str, int] = {}
        parts = None if pretrained else cut(model)
        if parts is not None:
            self._parts = parts
            self._place = {name: place for place, name in enumerate(parts.names)}
            masked = [self._place["words"]] if "words" in self._place else []
            self._gradients = input_gradients(parts.upper, inputs=range(len(parts.names)), masked=masked)

    @property
    def has_heat(self) -> bool:
        """Return whether `heat` is there: the network has convolutions of its own."""
        return "map" in self._place

    @property
    def has_words(self) -> bool:
        """Return whether `tokens` is there: the network has word embeddings of its own."""
        return "words" in self._place

    @property
    def has_gate(self) -> bool:
        """Return whether `poster_shares` is there: it is a joint network."""
        return self._gate is not None

    def poster_shares(self, inputs: Any) -> np.ndarray:
        """Compute the poster's share of each genre's logit by the gate, see `gate.poster_shares`.

        Args:
            inputs: a batch of the model's inputs, by name.

        Returns:
            float64 [films, genres] in 0..1.
        """
        assert self._gate is not None and self._kernel is not None
        return gate.poster_shares(self._gate.predict_on_batch(inputs), self._kernel)

    def heat(self, inputs: Sequence[np.ndarray], genres: np.ndarray) -> np.ndarray:
        """Compute Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2) of the last feature map.

        Args:
            inputs: the model's inputs.
            genres: index of each row's genre, int [rows].

        Returns:
            float32 [rows, map rows, map columns], not below 0 and not scaled.
        """
        heats = []
        for some in _pieces(len(genres), _ROWS):
            given = [one[some] for one in inputs]
            middle = self._middle(given)
            _, slopes = self._gradients([*middle, *given], self._masks(given), genres[some])
            weights = slopes[self._place["map"]].mean(axis=(1, 2), keepdims=True)
            heats.append(np.maximum((weights * middle[self._place["map"]]).sum(axis=-1), 0))
        return np.concatenate(heats).astype(np.float32)

    def tokens(self, inputs: Sequence[np.ndarray], genres: np.ndarray) -> np.ndarray:
        """Compute integrated gradients (Sundararajan et al. 2017, eq. 1) of the word embeddings.

        The baseline is the same overview of unknown words: a token's contributions are 0 if it is unknown, and a row's
        sum is the difference of the logits. The words' own logits of a bag of words are included.

        Args:
            inputs: the model's inputs, the token ids int [rows, tokens] last.
            genres: index of each row's genre, int [rows].

        Returns:
            Contributions to the logit, float64 [rows, tokens]; 0 at padding.
        """
        pieces = [
            self._integrate([one[some] for one in inputs], genres[some])
            for some in _pieces(len(genres), max(1, _ROWS // _STEPS))
        ]
        return np.concatenate(pieces)

    def _integrate(self, inputs: Sequence[np.ndarray], genres: np.ndarray) -> np.ndarray:
        ids, rows = inputs[-1], len(genres)
        there, known = ids != 0, ids > UNKNOWN
        place = self._place["words"]
        middle = self._middle(inputs)
        baseline = self._middle([*inputs[:-1], np.where(there, UNKNOWN, 0)])
        # Of the baseline only what words make: the poster's feature map stays.
        moved = {name for name in ("words", "votes") if name in self._place}
        nodes, weights = _quadrature(_STEPS)

        def along(name: str) -> np.ndarray:
            """Return an intermediate tensor at each step, [steps * rows, ...]."""
            end = middle[self._place[name]]
            start = baseline[self._place[name]] if name in moved else end
            steps = nodes.reshape(-1, *[1] * end.ndim)
            return (start + steps * (end - start)).reshape(-1, *end.shape[1:]).astype(np.float32)

        given = [np.tile(one, (_STEPS, *[1] * (one.ndim - 1))) for one in inputs]
        _, slopes = self._gradients(
            [*(along(name) for name in self._parts.names), *given], self._masks(given), np.tile(genres, _STEPS)
        )

        def mean(name: str) -> np.ndarray:
            """Return the mean gradient along the way."""
            slope = slopes[self._place[name]]
            return np.tensordot(weights, slope.reshape(_STEPS, rows, *slope.shape[1:]).astype(np.float64), 1)

        contributions = (mean("words") * (middle[place] - baseline[place])).sum(axis=-1)
        if "votes" in moved:
            table = self._parts.votes.get_weights()[0].astype(np.float64)
            votes = table[ids] - table[UNKNOWN]
            share = mean("votes")[np.arange(rows), genres] / np.sqrt(np.maximum(there.sum(axis=1), 1))
            contributions += share[:, None] * np.take_along_axis(votes, genres[:, None, None], axis=2)[:, :, 0]
        return np.where(known, contributions, 0.0)

    def _middle(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the intermediate tensors as arrays, without those of training."""
        outputs = self._parts.lower(list(inputs), training=False)
        return [np.array(one, np.float32) for one in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]

    def _masks(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """Return the masks of the upper part's inputs: of the words, which are not padding."""
        return [inputs[-1] != 0 if name == "words" else None for name in self._parts.names]


def _pieces(rows: int, most: int) -> Iterator[slice]:
    return (slice(start, start + most) for start in range(0, rows, most))


def _quadrature(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss-Legendre quadrature over 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2
