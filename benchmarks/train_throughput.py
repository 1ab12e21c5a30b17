"""Claim: an epoch of training under Ray takes at most 1.15 times the same epoch of plain Keras on arrays in memory.

    python benchmarks/train_throughput.py                       the poster CNN on the drawn sample
    python benchmarks/train_throughput.py --store DIR --model lstm

Both sides train the same model on the same films in the same batches, in processes of their own, one after the
other: Keras, Ray, Keras, so that a machine that slows down or speeds up shows. Validation and the first epoch, which
compiles, are left out. Plain Keras is given whole batches only, and its time is scaled to all films.

Two ratios are printed: of the medians, which is what a user waits, and of the fastest epochs, which is the arithmetic
alone. On real posters plain Keras drops to half its speed from its third epoch on (not on random pixels; the cause is
not known), so the ratio of the fastest epochs is the one to trust, and the one the claim is held to.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from genre_models.history import from_csv

ROOT = Path(__file__).resolve().parent.parent
CLAIM = 1.15


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the drawn sample, made for this run."""
    sample_films: int = 2_000
    """Films of that sample."""
    model: Literal["cnn", "lstm"] = "cnn"
    """Which model."""
    epochs: int = 6
    """Epochs of each of the three runs, the first of which is not counted."""
    side: Literal["both", "keras"] = "both"
    """Internal: "keras" runs the plain side alone and prints its epochs' seconds as JSON."""


def main(options: Options) -> None:
    """Time both sides and print the ratio."""
    if options.side == "keras":
        print(json.dumps(keras_epochs(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(options, folder)
        before = plain_side(options, store)
        ours = ray_side(options, store, folder)
        after = plain_side(options, store)
    plain, ray = before[1:] + after[1:], ours[1:]
    fastest = min(ray) / min(plain)
    print(f"Machine: {os.cpu_count()} cores, {platform.machine()}; {options.model}, {options.epochs} epochs a run")
    for name, seconds in (("Plain Keras, arrays in memory", plain), ("Under Ray Train, from a store", ray)):
        print(f"{name}  median {statistics.median(seconds):6.2f} s an epoch, fastest {min(seconds):6.2f} s")
    print(f"Ratio of the medians {statistics.median(ray) / statistics.median(plain):.3f}")
    print(f"Ratio of the fastest {fastest:.3f}, claimed at most {CLAIM}: {'holds' if fastest <= CLAIM else 'FAILS'}")


def sample_store(options: Options, folder: str) -> str:
    """Prepare the drawn sample."""
    store = f"{folder}/store"
    run("ray_jobs/prepare_data.py", "--store", store, "--sample-films", str(options.sample_films))
    return store


def plain_side(options: Options, store: str) -> list[float]:
    """Return the seconds of each epoch of plain Keras, from a fresh process."""
    said = run(
        "benchmarks/train_throughput.py", "--side", "keras", "--store", store,
        "--model", options.model, "--epochs", str(options.epochs),
    )  # fmt: skip
    return list(json.loads(said.splitlines()[-1]))


def ray_side(options: Options, store: str, folder: str) -> list[float]:
    """Return the seconds of each epoch's training under Ray, from the run's own history."""
    run(
        f"ray_jobs/train_{options.model}.py", "--store", store, "--runs", folder, "--name", "ours",
        "--epochs", str(options.epochs),
    )  # fmt: skip
    return [epoch.training_seconds for epoch in from_csv(Path(folder, "ours", "history.csv").read_text())]


def run(script: str, *arguments: str) -> str:
    """Run a script of the project and return what it prints."""
    command = [sys.executable, str(ROOT / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout}\n{result.stderr}")
    return result.stdout


def keras_epochs(options: Options) -> list[float]:
    """Train the model by `Model.fit` on arrays in memory, with the same films, batches and metrics."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import time

    import keras

    from datasets.store import Store
    from genre_models.catalog import KINDS

    store, kind = Store.open(options.store), KINDS[options.model]
    config = kind.config_class()
    model = kind.build(config, genres=len(store.manifest.genres))
    metrics = [keras.metrics.Precision(), keras.metrics.Recall()]
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="binary_crossentropy", metrics=metrics)
    seconds: list[float] = []
    for epoch in range(1, options.epochs + 1):
        # Shuffled and cut outside the clock for the LSTM: Keras has no batches by length, and gets ours for free.
        feed, share = films_in_memory(store, config, options.model, epoch)
        started = time.monotonic()
        model.fit(**feed, epochs=1, verbose=0)
        seconds.append((time.monotonic() - started) / share)
    return seconds


def films_in_memory(store: Any, config: Any, model: str, epoch: int) -> tuple[dict[str, Any], float]:
    """Return what `Model.fit` is given, posters as arrays or our own batches of overviews, and its share of all."""
    import keras

    from datasets.store import poster_array
    from datasets.stream import Batching, training_batches
    from datasets.vocabulary import Vocabulary

    labels = store.labels("train")
    if model == "cnn":
        posters = poster_array(store.table("train", ["poster"])["poster"], store.manifest.poster_shape)
        whole = len(labels) // 64 * 64
        return {"x": posters[:whole], "y": labels[:whole], "batch_size": 64}, whole / len(labels)
    vocabulary = Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size)
    overviews = store.table("train", ["overview"])["overview"].to_pylist()
    ids, lengths = vocabulary.encode(overviews, max_tokens=config.max_tokens)
    block = {"inputs": ids, "lengths": lengths, "labels": labels}
    batches = list(training_batches([block], Batching(64), seed=0, epoch=epoch, rank=0))

    class Batches(keras.utils.PyDataset):
        """The batches, as Keras takes them."""

        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return batches[index]["inputs"], batches[index]["labels"]

    return {"x": Batches()}, 1.0


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
