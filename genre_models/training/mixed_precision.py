"""The precision that layers compute in; weights, the output and what the optimizer keeps stay float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from genre_models.training.recipe import Precision


@contextlib.contextmanager
def computing_in(dtype_policy: Precision) -> Iterator[None]:
    """Let layers built within compute in this precision, of float32 weights (Micikevicius et al. 2018).

    A layer keeps its precision, also in a checkpoint: a model that is loaded predicts in the one it was validated in.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy if dtype_policy == "float32" else f"mixed_{dtype_policy}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
