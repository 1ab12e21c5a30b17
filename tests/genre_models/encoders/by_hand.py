"""Parts of transformers in NumPy, in float64, against which the encoders are checked; and how each is saved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import erf

State = dict[str, np.ndarray]


def dense(state: State, x: np.ndarray, key: str) -> np.ndarray:
    """A linear layer of PyTorch, whose weights are [out, in]."""
    return x @ state[f"{key}.weight"].T.astype(np.float64, copy=False) + state[f"{key}.bias"]


def normalised(state: State, x: np.ndarray, key: str, epsilon: float) -> np.ndarray:
    """A layer normalisation of each row."""
    scaled = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
    return scaled * state[f"{key}.weight"] + state[f"{key}.bias"]


def attended(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int, bias: Any = None) -> np.ndarray:
    """Attention head by head: [T, D], [S, D], [S, D] and a bias of the scores [T, S, heads] -> [T, D]."""
    width, found = query.shape[1] // heads, []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = query[:, part] @ key[:, part].T / math.sqrt(width) + (0 if bias is None else bias[:, :, head])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        found.append(weights / weights.sum(axis=1, keepdims=True) @ value[:, part])
    return np.concatenate(found, axis=1)


def bert_feed_forward(state: State, x: np.ndarray, key: str, epsilon: float) -> np.ndarray:
    """The second half of a block of BERT, with the exact GELU."""
    wide = dense(state, x, f"{key}.intermediate.dense")
    gelu = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
    return normalised(state, x + dense(state, gelu, f"{key}.output.dense"), f"{key}.output.LayerNorm", epsilon)


def require_saved_and_loaded(model: Any, inputs: np.ndarray, path: Path) -> None:
    """The encoder has only Keras' own layers: a model with it needs nothing of ours to load, in safe mode."""
    import keras

    model.save(path)
    again = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_array_equal(again.predict_on_batch(inputs), model.predict_on_batch(inputs))
