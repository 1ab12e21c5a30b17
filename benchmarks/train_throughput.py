"""Claims: train_cnn.py with one worker trains at least 0.97 times as many films a second as plain Keras `fit` on the
same arrays in memory, and the step it takes, by itself, at least 1.1 times as many.

    python benchmarks/train_throughput.py                       on the synthetic sample
    python benchmarks/train_throughput.py --store DIR --steps-per-execution 8
    python benchmarks/train_throughput.py --quick               a minute, for `make bench`

Both sides train the coursework's CNN in batches of 64 in float32. In one process, epoch by epoch in turns: Keras `fit`;
the project's loop on batches cut from arrays; the same with `--steps-per-execution`, if more than 1; and the floor, the
project's step alone on one batch that stays on the device. Then the job itself, under Ray, and the process of turns
once more, so that a machine that slows down or speeds up shows. Validation, and each side's first epoch, which
compiles, are left out. Medians are compared.

Where the time went: docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from claims import Claim, machine, run, sample_store, tell

from genre_models.training.history import from_csv

KERAS, LOOP, FLOOR = "Keras fit", "the loop alone", "bare step"
JOB_WANTED, STEP_WANTED = 0.97, 1.1
BATCH = 64


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
    sample_films: int = 2_000
    """Films of that sample."""
    epochs: int = 6
    """Epochs of each side, the first of which is not counted."""
    steps_per_execution: int = 1
    """Time the loop and the job with so many steps a call as well."""
    quick: bool = False
    """800 films and 4 epochs: for `make bench`."""
    claims: str = ""
    """File to keep the claims in, as JSON."""
    side: Literal["both", "here"] = "both"
    """Internal: "here" runs what needs no Ray, and prints each side's films a second as JSON."""


def main(options: Options) -> None:
    """Time all sides and tell the ratios."""
    films, epochs = (800, 4) if options.quick else (options.sample_films, options.epochs)
    if options.side == "here":
        print(json.dumps(here(options.store, options.epochs, options.steps_per_execution)))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(films, folder)
        feature_specs = (
            "--store",
            store,
            "--epochs",
            str(epochs),
            "--steps-per-execution",
            str(options.steps_per_execution),
        )
        before = turns(feature_specs)
        run("ray_jobs/train_cnn.py", *feature_specs, "--runs", folder, "--name", "job")
        history = from_csv(Path(folder, "job", "history.csv").read_text())
        after = turns(feature_specs)
    rates = {name: before[name] + after[name] for name in before}
    rates["train_cnn.py"] = [epoch.films_per_second for epoch in history[1:]]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"Poster CNN, batches of {BATCH}, float32, {machine()}")
    for name, median in medians.items():
        print(f"  {name:<32} {median:6.0f} films/s, best epoch {max(rates[name]):6.0f}")
    step = max(median for name, median in medians.items() if name.startswith(LOOP))
    floor = f"bare step {medians[FLOOR]:.0f} films/s, {medians[FLOOR] / medians[KERAS]:.2f} of Keras fit"
    tell(
        [
            Claim(
                "train_cnn.py, films/s against Keras fit in memory",
                medians["train_cnn.py"] / medians[KERAS],
                JOB_WANTED,
                "at least",
                floor,
            ),
            Claim(
                "the training loop in turns with Keras fit, films/s",
                step / medians[KERAS],
                STEP_WANTED,
                "at least",
                floor,
            ),
        ],
        options.claims,
    )


def turns(feature_specs: tuple[str, ...]) -> dict[str, list[float]]:
    """Return the films a second of each epoch of each side that needs no Ray, from a fresh process."""
    told: dict[str, list[float]] = json.loads(
        run("benchmarks/train_throughput.py", "--side", "here", *feature_specs).splitlines()[-1]
    )
    return told


def here(path: str, epochs: int, steps_per_execution: int) -> dict[str, list[float]]:
    """Train by turns in this process."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from genre_models.training import trainer as fit  # before Keras: it says how TensorFlow is set up

    strategy = fit.set_up_tensorflow(workers=1, threads=os.cpu_count())
    import keras
    import tensorflow as tf

    from datasets.batches.batching import BatchConfig, training_batches
    from datasets.store.film_store import Store, poster_array
    from genre_models.models.poster_cnn import PosterCNN, build
    from genre_models.training.recipe import Recipe

    store = Store.open(path)
    posters = poster_array(store.table("train", ["poster"])["poster"], store.manifest.poster_shape)
    # Whole batches only, as Keras would compile the last one anew.
    films = len(posters) // BATCH * BATCH
    posters, labels = posters[:films], store.labels("train")[:films]
    config = PosterCNN(height=posters.shape[1], width=posters.shape[2])
    model = build(config, genres=labels.shape[1])
    metrics = [keras.metrics.Precision(), keras.metrics.Recall()]
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="binary_crossentropy", metrics=metrics)
    trainer = fit.Trainer(lambda: build(config, genres=labels.shape[1]), Recipe(batch_size=BATCH), strategy)
    resident = [tf.constant(part[:BATCH]) for part in (posters, labels)] + [tf.ones(BATCH)]

    def bare(_: int) -> None:
        for _step in range(films // BATCH):
            sums = trainer._train(*resident)
        sums.numpy()

    def loop(steps: int) -> Callable[[int], object]:
        def epoch(number: int) -> object:
            block = {"inputs": posters, "labels": labels}
            batches = training_batches([block], BatchConfig(BATCH), seed=0, epoch=number, rank=0)
            return trainer.train_epoch(number, batches, lambda _: None, steps)

        return epoch

    sides: dict[str, Callable[[int], object]] = {
        KERAS: lambda _: model.fit(posters, labels, batch_size=BATCH, epochs=1, verbose=0),
        LOOP: loop(1),
        FLOOR: bare,
    }
    if steps_per_execution > 1:
        sides[f"{LOOP}, {steps_per_execution} steps a call"] = loop(steps_per_execution)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(1, epochs + 1):
        for name, epoch in sides.items():
            started = time.perf_counter()
            epoch(number)
            rates[name].append(films / (time.perf_counter() - started))
    return {name: values[1:] for name, values in rates.items()}


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
