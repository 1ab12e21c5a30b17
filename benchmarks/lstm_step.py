"""Claim: with the LSTM's loop written out a training step of the overview model takes at most two thirds of Keras' own.

    python benchmarks/lstm_step.py

Both build the same model and run the same compiled step on the same batch, in turns, so that a busy machine slows both.
Prints milliseconds a step (medians), the ratio, and the share of the machine's matrix speed that the step reaches.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import tyro
from claims import Claim, tell

CLAIMED = 1.5  # with the coursework's recurrent dropout; without it Keras has half as many products to do


@dataclass(frozen=True)
class Options:
    """What is timed."""

    films: int = 64
    """Films in the batch."""
    tokens: int = 32
    """Tokens of each; half the overviews have 28 words at most."""
    turns: int = 8
    """Times each is run, after one that compiles."""
    recurrent_dropout: float = 0.2
    """The coursework's; 0 is the other case, in which Keras needs half as many matrix products."""
    quick: bool = False
    """Half as many turns."""
    claims: str = ""
    """File to write the claim to as JSON."""


def main(options: Options) -> None:
    """Time both in turns and print the table."""
    import keras
    import tensorflow as tf

    from genre_models.layers import fused_lstm
    from genre_models.models.overview_lstm import OverviewLSTM
    from genre_models.training import trainer

    trainer.set_up_tensorflow(workers=1, threads=2, inter_op_parallel=True)
    config = OverviewLSTM(recurrent_dropout=options.recurrent_dropout)
    ours = step(config, options)
    with mock.patch.object(fused_lstm, "FusedLSTM", keras.layers.LSTM):
        theirs = step(config, options)
    times: dict[str, list[float]] = {"Keras": [], "written out": []}
    for _ in range(options.turns // 2 if options.quick else options.turns):
        for name, run in (("Keras", theirs), ("written out", ours)):
            times[name].append(seconds(run))
    medians = {name: statistics.median(values) for name, values in times.items()}
    matrices = tf.random.normal((2048, 512)), tf.random.normal((512, 1024))
    multiply = tf.function(lambda: tf.matmul(*matrices))
    multiply()
    speed = 2 * 2048 * 512 * 1024 / statistics.median(seconds(multiply) for _ in range(20))
    # Forward once, backward twice, of both LSTMs in both directions: inputs' and states' products.
    first, second = config.first_lstm_units, config.second_lstm_units
    products = (config.embedding_units + first) * 4 * first + (2 * first + second) * 4 * second
    floor = 3 * 2 * 2 * options.films * options.tokens * products / speed
    print(f"{options.films} films of {options.tokens} tokens, recurrent dropout {options.recurrent_dropout:g}")
    for name, median in medians.items():
        print(f"  {name:<12} {1000 * median:6.0f} ms a step, {options.films / median:6.0f} films/s")
    products_alone = f"its matrix products alone, {1000 * floor:.0f} ms at {speed / 1e9:.0f} GFLOP/s"
    ratio = medians["Keras"] / medians["written out"]
    tell([Claim("LSTM step, Keras' time over ours", ratio, CLAIMED, "at least", products_alone)], options.claims)


def step(config: Any, options: Options) -> Callable[[], Any]:
    """Return a compiled training step of the model on one batch, run once."""
    import keras
    import tensorflow as tf

    from genre_models.models import overview_lstm

    draw = np.random.default_rng(0)
    tokens = tf.constant(draw.integers(2, config.vocabulary_size, (options.films, options.tokens)), tf.int32)
    labels = tf.constant(draw.random((options.films, 25)) < 0.1, tf.float32)
    model = overview_lstm.build(config, genres=25)
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(labels, model(tokens, training=True)))
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    run()
    return run


def seconds(run: Callable[[], Any]) -> float:
    """Return how long one run takes, its result read."""
    started = time.perf_counter()
    run().numpy()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
