"""Claim: the overview LSTM trains at least 3 times as many films a second as in the notebook, to the same loss.

    python benchmarks/lstm_rate.py --store DIR
    python benchmarks/lstm_rate.py --store DIR --quality    the validation loss after the recipe as well: an hour
    python benchmarks/lstm_rate.py --quick                  a minute and a half, for `make bench`

The notebook's side is Keras' own LSTM layers and Adam under `Model.fit`, in random batches of 64, each padded to its
longest overview. Ours is what train_lstm.py runs in its worker: batches of like length in a few fixed shapes, the
LSTM's loop written out, two operations side by side. Same network, dropout (recurrent .2 as well), batch and films.

Each side lives in a process of its own, as their threads differ, and trains an epoch in turns with the other; the first
epoch, which compiles, is not counted. The floor is the padding: how many tokens each side computes for a word.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest import mock

import numpy as np
import tyro
from claims import Claim, machine, sample_store, tell

BATCH = 64
WANTED, LOSS_WANTED = 3.0, 0.005


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
    films: int = 1_280
    """Training films of the store that are used, 0 for all; with --quality all are."""
    epochs: int = 3
    """Epochs of each side, the first of which is not counted."""
    quality: bool = False
    """Train for the recipe's 20 epochs, and compare the best validation losses."""
    quick: bool = False
    """640 films and 2 epochs: for `make bench`."""
    claims: str = ""
    """File to keep the claims in, as JSON."""
    side: Literal["both", "notebook", "ours"] = "both"
    """Internal: trains an epoch for each line it is sent, and answers with its figures as JSON."""


def main(options: Options) -> None:
    """Let both sides train in turns and tell the ratio."""
    if options.side != "both":
        serve(options)
        return
    films, epochs = (640, 2) if options.quick else (options.films, options.epochs)
    if options.quality:
        films, epochs = 0, 20
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(max(1_000, 2 * films), folder)
        sides: dict[str, subprocess.Popen[str]] = {name: start(name, store, films) for name in ("notebook", "ours")}
        told: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for epoch in range(1, epochs + 1):
            for name, side in sides.items():
                told[name].append(ask(side, f"{epoch} {int(options.quality)}"))
        for side in sides.values():
            side.communicate()
    rates = {name: statistics.median([epoch["rate"] for epoch in epochs[1:]]) for name, epochs in told.items()}
    print(f"Overview LSTM, batches of {BATCH}, recurrent dropout on, {machine()}")
    for name, rate in rates.items():
        last = told[name][-1]
        print(f"  {name:<9} {rate:6.0f} films/s, {last['padding']:.2f} tokens computed for each")
    saved = told["notebook"][-1]["padding"] / told["ours"][-1]["padding"]
    print(f"  graphs traced by ours: {told['ours'][-1]['graphs']:.0f}")
    ratio, floor = rates["ours"] / rates["notebook"], f"padding alone {saved:.2f}, the rest is the step"
    found = [Claim("LSTM training, films/s against the notebook's", ratio, WANTED, "at least", floor)]
    if options.quality:
        best = {name: min(epoch["validation_loss"] for epoch in epochs) for name, epochs in told.items()}
        floor = f"the notebook's own {best['notebook']:.4f}"
        worse = best["ours"] - best["notebook"]
        found.append(Claim("its best validation loss, above the notebook's", worse, LOSS_WANTED, "at most", floor))
    tell(found, options.claims)


def start(side: str, store: str, films: int) -> subprocess.Popen[str]:
    """Start a side's process."""
    command = [sys.executable, __file__, "--side", side, "--store", store, "--films", str(films)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(side: subprocess.Popen[str], line: str) -> dict[str, float]:
    """Let a side train an epoch, and return its figures."""
    assert side.stdin and side.stdout
    side.stdin.write(line + "\n")
    side.stdin.flush()
    while not (said := side.stdout.readline()).startswith("{"):
        if not said:
            sys.exit("a side ended before its time")
    figures: dict[str, float] = json.loads(said)
    return figures


def serve(options: Options) -> None:
    """Train an epoch for each line read: "NUMBER 1" with validation, "NUMBER 0" without."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from datasets.store.film_store import Store
    from datasets.text.vocabulary import Vocabulary
    from genre_models.models.overview_lstm import OverviewLSTM

    store, config = Store.open(options.store), OverviewLSTM()
    vocabulary = Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size)
    blocks = {}
    for split in ("train", "validation"):
        overviews = store.table(split, ["overview"])["overview"].to_pylist()
        ids, lengths = vocabulary.encode(overviews, max_tokens=config.max_tokens)
        blocks[split] = {"inputs": ids, "lengths": lengths, "labels": store.labels(split)}
    if options.films:
        blocks["train"] = {name: part[: options.films] for name, part in blocks["train"].items()}
    films = len(blocks["train"]["labels"]) // BATCH * BATCH
    blocks["train"] = {name: part[:films] for name, part in blocks["train"].items()}
    train = {"notebook": in_the_notebook, "ours": in_ours}[options.side](blocks, config)
    for line in sys.stdin:
        epoch, validate = map(int, line.split())
        print(json.dumps(train(epoch, bool(validate))), flush=True)


Train = Callable[[int, bool], dict[str, float]]
"""Trains an epoch and returns films a second ("rate"), tokens computed for each word ("padding"), graphs traced so far
("graphs") and, if asked, "validation_loss"."""


def in_the_notebook(blocks: dict[str, Any], config: Any) -> Train:
    """Return an epoch of Keras' own."""
    import keras

    from genre_models.layers import fused_lstm
    from genre_models.models import overview_lstm

    keras.utils.set_random_seed(0)
    films = blocks["train"]
    with mock.patch.object(fused_lstm, "FusedLSTM", keras.layers.LSTM):
        model = overview_lstm.build(config, genres=films["labels"].shape[1])
    metrics = [keras.metrics.Precision(), keras.metrics.Recall()]
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="binary_crossentropy", metrics=metrics)

    class Batches(keras.utils.PyDataset):
        """Films in a given order, each batch padded to its longest."""

        def __init__(self, films: dict[str, Any], rows: np.ndarray) -> None:
            super().__init__()
            self.films, self.rows = films, [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            rows = self.rows[index]
            longest = max(1, self.films["lengths"][rows].max())
            return self.films["inputs"][rows, :longest], self.films["labels"][rows]

    def train(epoch: int, validate: bool) -> dict[str, float]:
        batches = Batches(films, np.random.default_rng(epoch).permutation(len(films["labels"])))
        computed = sum(len(rows) * int(films["lengths"][rows].max()) for rows in batches.rows)
        started = time.perf_counter()
        model.fit(batches, epochs=1, verbose=0)
        seconds = time.perf_counter() - started
        told = figures(films, computed, seconds, 0)
        if validate:
            held = blocks["validation"]
            told["validation_loss"] = model.evaluate(Batches(held, np.argsort(held["lengths"])), verbose=0)[0]
        return told

    return train


def in_ours(blocks: dict[str, Any], config: Any) -> Train:
    """Return an epoch of the project's."""
    from genre_models.training import trainer as fit

    strategy = fit.set_up_tensorflow(workers=1, threads=os.cpu_count(), inter_op_parallel=True)
    from datasets.batches.batching import Batch, BatchConfig, training_batches, validation_batches
    from genre_models.metrics import classification
    from genre_models.models import overview_lstm
    from genre_models.training.recipe import Recipe

    films = blocks["train"]
    genres = films["labels"].shape[1]
    trainer = fit.Trainer(lambda: overview_lstm.build(config, genres=genres), Recipe(batch_size=BATCH), strategy)
    computed = 0

    def counted(batches: Iterator[Batch]) -> Iterator[Batch]:
        nonlocal computed
        for batch in batches:
            computed += batch["inputs"].size
            yield batch

    def train(epoch: int, validate: bool) -> dict[str, float]:
        nonlocal computed
        computed = 0
        batches = training_batches([films], BatchConfig(BATCH), seed=0, epoch=epoch, rank=0)
        started = time.perf_counter()
        trainer.train_epoch(epoch, counted(batches), lambda _: None)
        seconds = time.perf_counter() - started
        told = figures(films, computed, seconds, trainer._train.experimental_get_tracing_count())
        if validate:
            labels, scores = trainer.predict_epoch(validation_batches([blocks["validation"]], BatchConfig(BATCH)))
            told["validation_loss"] = classification.binary_crossentropy(labels, scores)
        return told

    return train


def figures(films: dict[str, Any], computed: int, seconds: float, graphs: int) -> dict[str, float]:
    """Return an epoch's figures."""
    words = int(films["lengths"].sum())
    return {"rate": len(films["labels"]) / seconds, "padding": computed / words, "graphs": graphs}


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
