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
    """Compute the poster's share of each genre's logit.

    The gated unit's output is z * seen + (1 - z) * read (Arevalo et al. 2017, eq. 5), of which the output layer takes
    a weighted sum: the absolute values of the poster's terms, divided by those of all terms.

    Args:
        outputs: of `gate_model`: float [films, units] three times, the overview mask [films, 1], and the logits of a
            bag of words [films, genres].
        weights: kernel of the output layer, float [units, genres].

    Returns:
        float64 [films, genres] in 0..1; 1 for a film whose overview has no known word.
    """
    gate, seen, read, mask, *votes = (np.asarray(one, np.float64) for one in outputs)
    poster = np.abs(gate * seen) @ np.abs(weights)
    overview = np.abs((1 - gate) * read) @ np.abs(weights)
    for one in votes:
        overview += np.abs(mask * one)
    shares = poster / np.maximum(poster + overview, 1e-12)
    return np.where(mask > 0, shares, 1.0)
