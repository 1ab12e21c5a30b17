"""The joint model's gate: the poster's share of what decides a genre, against the overview's."""

from __future__ import annotations

from typing import Any

import numpy as np


def gate_model(model: Any) -> Any:
    """Return the joint network up to its gate.

    Its inputs -> [gate, seen, read, overview mask, logits of the bag of words], the last one if there is such a bag.
    The network is that of `genre_models.models.fusion_gmu`.
    """
    import keras

    layers = {layer.name: layer for layer in model.layers}
    mask = layers["absent_modalities"].output[2]
    votes = [layers["bow_logits"].output] if "bow_logits" in layers else []
    outputs = [layers["gate"].output, layers["seen"].output, layers["read"].output, mask, *votes]
    return keras.Model(model.input, outputs)


def has_gate(model: Any) -> bool:
    """Return whether a network is the joint model's."""
    return {"gate", "seen", "read", "absent_modalities"} <= {layer.name for layer in model.layers}


def poster_shares(outputs: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Compute the poster's share of each genre's logit, after the gate.

    The gated unit's output is z * seen + (1 - z) * read (Arevalo et al. 2017, eq. 5), and the output layer adds up its
    units with their weights. So a logit is a part of the poster, one of the overview, and the bias. The share is the
    size of the poster's part, divided by that of both. On drawn films it was .81 on average where only the poster
    shows the genre, and .12 where only the overview tells it; the mean of z was .46 and .48, as it says nothing of
    what comes through.

    Args:
        outputs: of `gate_model`: float [films, units] three times, the overview mask [films, 1], and the logits of a
            bag of words [films, genres].
        weights: kernel of the output layer, float [units, genres].

    Returns:
        float64 [films, genres] in 0..1; 1 for a film whose overview has no known word.
    """
    gate, seen, read, mask, *votes = (np.asarray(one, np.float64) for one in outputs)
    poster, overview = (gate * seen) @ weights, ((1 - gate) * read) @ weights
    for one in votes:
        overview += mask * one
    sizes = np.abs(poster), np.abs(overview)
    return np.where(mask > 0, sizes[0] / np.maximum(sizes[0] + sizes[1], 1e-12), 1.0)
