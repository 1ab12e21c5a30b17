"""Parts of text transformers after BERT: blocks of Keras' own layers, and the weights they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_models.weights.hugging_face import StateDict, fill

if TYPE_CHECKING:
    import keras


def positions(ids: keras.KerasTensor) -> keras.KerasTensor:
    """Return 0, 1, 2, ... for each row of token ids int [B, T]."""
    from keras import ops

    # Keras models cannot contain an arange of unknown length.
    return ops.cumsum(ops.ones_like(ids), axis=1) - 1


def normalised(x: keras.KerasTensor, name: str, *, epsilon: float) -> keras.KerasTensor:
    """Apply a layer normalisation of this name."""
    from keras import layers

    return layers.LayerNormalization(epsilon=epsilon, name=name)(x)


def feed_forward(x: keras.KerasTensor, name: str, *, units: int, wide: int, epsilon: float) -> keras.KerasTensor:
    """Apply a block's second half, residual and normalised: float [B, T, units] -> [B, T, units]."""
    import keras
    from keras import layers

    hidden = layers.Dense(wide, name=f"{name}_wide")(x)
    # The exact GELU with erf, not the tanh approximation.
    narrow = layers.Dense(units, name=f"{name}_narrow")(keras.activations.gelu(hidden, approximate=False))
    return normalised(x + narrow, name, epsilon=epsilon)


def blocks(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the Keras layers of each block, in order: those named `layer_0`, `layer_0_…`, `layer_1` and so on."""
    number = sum(layer.name.endswith("_wide") for layer in model.layers)
    return [
        [layer for layer in model.layers if layer.name == f"layer_{i}" or layer.name.startswith(f"layer_{i}_")]
        for i in range(number)
    ]


def fill_feed_forward(model: keras.Model, name: str, state: StateDict, key: str) -> None:
    """Set the weights of `feed_forward` from BERT's names below a key such as "encoder.layer.0"."""
    fill(model, f"{name}_wide", *state.dense(f"{key}.intermediate.dense"))
    fill(model, f"{name}_narrow", *state.dense(f"{key}.output.dense"))
    fill(model, name, *state.norm(f"{key}.output.LayerNorm"))
