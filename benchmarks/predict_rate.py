"""Claims: a checkpoint predicts films through Ray Data at least 0.9 times as fast as a bare loop.

    python benchmarks/predict_rate.py                       both models, on the synthetic sample
    python benchmarks/predict_rate.py --store DIR --films FOLDER --model lstm

One side of the first claim is what `evaluate.py` runs: films read from the store, an actor that loaded the checkpoint,
scores gathered in the driver; starting Ray and loading the model, which happen once, are not in it. The other is a loop
over batches cut beforehand, in a process of its own: bare, Ray, bare. It is given the same films in the same pieces and
threads, and the model compiled as `predict_on_batch` compiles it, which is the strictest floor; what the model called
as it is (`model(batch)`, nothing compiled) reaches is told beside it. Both rates are of all films of the store, once or
more, as short overviews take less time than long ones.

The second claim is that of `predict.py`: the same films from their table and poster files, with scores written, against
a bare loop that reads, decodes and tokenises them too, one batch after the other. The weights are those before the
first step: they take as long as trained ones.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from claims import Claim, machine, run, sample_store, tell

CLAIM = 0.9
_UNCOMPILED_PIECES = 3
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to predict; by default one of the synthetic sample, made for this run."""
    films: str = ""
    """Films folder that the store was made of, to predict from files too; the sample's by default."""
    sample_films: int = 2_000
    """Films of that sample."""
    model: Literal["both", "cnn", "lstm"] = "both"
    """Which model, at the coursework's size."""
    seconds: float = 40.0
    """About how long each side of a model predicts."""
    quick: bool = False
    """A tenth of the time, for `make bench`."""
    claims: str = ""
    """JSON file for what was found."""
    side: Literal["both", "bare", "files"] = "both"
    """Internal: "bare" and "files" run a plain loop alone, over arrays or files, and print its rates as JSON."""
    checkpoint: str = ""
    """Internal: the checkpoint that the plain loop loads, or makes where it is missing."""


def main(options: Options) -> None:
    """Time both sides of each model and print the ratios."""
    if options.side != "both":
        print(json.dumps((bare if options.side == "bare" else bare_from_files)(options)))
        return
    from ray_jobs.cli.console import Console
    from ray_jobs.cluster import resources

    # Ray lets its workers give way to all other processes; what else the machine does must weigh on both sides alike.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  (so Ray spells it)
    claims = []
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(options.sample_films, folder)
        films = options.films or ("" if options.store else f"{store}-sample-{options.sample_films}-seed-0")
        resources.connect(Console())
        for model in ("cnn", "lstm") if options.model == "both" else (options.model,):
            claims.append(compare(model, store, folder, options))
            if films:
                claims.append(compare_from_files(model, store, films, folder, options))
    print(f"Machine: {machine()}")
    tell(claims, options.claims)


def compare(model: str, store: str, folder: str, options: Options) -> Claim:
    """Time bare, Ray, bare and return the claim of one model."""
    checkpoint = f"{folder}/{model}/epoch-001"
    seconds = options.seconds / 10 if options.quick else options.seconds
    before = bare_side(model, store, checkpoint, seconds)
    ours = ray_side(model, store, checkpoint, films=int(before["films_per_second"] * seconds))
    after = bare_side(model, store, checkpoint, seconds)
    floor = (before["films_per_second"] + after["films_per_second"]) / 2
    print(
        f"{model}: {ours:.0f} films/s through Ray Data; bare loop {before['films_per_second']:.0f} and "
        f"{after['films_per_second']:.0f}, not compiled {before['uncompiled']:.0f}"
        + (f", in batches four times as large {large:.0f}" if (large := before.get("in_larger_batches")) else "")
    )
    return Claim(
        f"{model.upper()} prediction through Ray Data, films/s against a bare compiled loop",
        ours / floor,
        CLAIM,
        "at least",
        f"bare compiled loop {floor:.0f} films/s",
    )


def ray_side(model: str, store: str, checkpoint: str, *, films: int) -> float:
    """Return films per second, of at least so many films and whole passes over the store."""
    from datasets.store.film_store import Store
    from genre_models.models.registry import REGISTRY
    from ray_jobs.cluster.progress_channel import ProgressChannel
    from ray_jobs.evaluation.predict import BATCH, scored

    opened, kind = Store.open(store), REGISTRY[model]
    splits = [(opened, split) for split in _SPLITS]
    wanted = splits * -(-(films + 2 * BATCH) // sum(opened.manifest.films.values()))
    stamps: list[tuple[float, int]] = []
    with ProgressChannel(lambda _: None) as channel:
        for told in scored(wanted, checkpoint, inputs=kind.inputs(kind.config_class()), channel=channel.actor):
            stamps.append((time.perf_counter(), len(told["row"])))
    # From the second batch of scores on: in the first two the model is compiled, for a shape and then for all shapes.
    return sum(count for _, count in stamps[2:]) / (stamps[-1][0] - stamps[1][0])


def compare_from_files(model: str, store: str, films: str, folder: str, options: Options) -> Claim:
    """Time a bare loop over files, `predict.py`'s part of it, and the loop again; return the claim of one model."""
    checkpoint = f"{folder}/{model}/epoch-001"
    seconds = options.seconds / 10 if options.quick else options.seconds
    before = bare_side(model, store, checkpoint, seconds, films)["films_per_second"]
    ours = predict_side(films, checkpoint, folder, films=int(before * seconds))
    after = bare_side(model, store, checkpoint, seconds, films)["films_per_second"]
    print(f"{model} from files: {ours:.0f} films/s by predict.py; bare loop {before:.0f} and {after:.0f}")
    return Claim(
        f"{model.upper()} prediction from files, films/s against a bare loop that decodes and calls the compiled model",
        ours / ((before + after) / 2),
        CLAIM,
        "at least",
        f"bare loop {(before + after) / 2:.0f} films/s",
    )


def predict_side(source: str, checkpoint: str, folder: str, *, films: int) -> float:
    """Return films per second from files to written scores, of at least so many films; starting is not in it."""
    from dataclasses import replace

    import pyarrow as pa

    from datasets.raw.films_folder import ReadOptions, read_films
    from genre_models.predictors.load import read_info
    from ray_jobs.inference.predict_parts import films_a_part, predict_parts
    from ray_jobs.inference.work_folder import WorkFolder, model_digests

    rows = read_films(source, ReadOptions(labelled=False))
    size = films_a_part(sum(height * width * 3 for height, width in read_info(checkpoint).poster_sizes))
    # The first two parts compile the model and are not counted.
    passes = -(-max(films + 2 * size, 8 * size) // len(rows.table))
    work = WorkFolder(f"{folder}/work")
    rows = replace(rows, table=pa.concat_tables([rows.table] * passes))
    plan = work.begin(source, rows, model_digests([checkpoint]), films_a_part=size)
    stamps: list[tuple[float, int]] = []
    predict_parts(
        work,
        range(plan.parts),
        [checkpoint],
        source=source,
        films=plan.count,
        max_pixels=10**8,
        progress=lambda done: stamps.append((time.perf_counter(), done)),
    )
    work.remove()
    started, before = next(stamp for stamp in stamps if stamp[1] >= 2 * size)
    ended, done = stamps[-1]
    return (done - before) / (ended - started)


def bare_from_files(options: Options) -> dict[str, float]:
    """Predict films from files by a loop in one process, in the parts and pieces of `predict.py`."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from datasets.raw.films_folder import ReadOptions
    from datasets.raw.films_folder import read_films as read_folder
    from genre_models.predictors.films import read_films
    from genre_models.predictors.network import NetworkPredictor
    from ray_jobs.inference.predict_parts import films_a_part

    predictor = NetworkPredictor(Path(options.checkpoint), threads=os.cpu_count())
    sizes = predictor.info.poster_sizes
    step = films_a_part(sum(height * width * 3 for height, width in sizes))
    rows = read_folder(options.films, ReadOptions(labelled=False)).table.to_pylist()
    parts = [rows[start : start + step] for start in range(0, len(rows), step)]

    def predict(part: list[dict[str, Any]]) -> None:
        films, _ = read_films([row["poster"] or None for row in part], [row["overview"] for row in part], sizes=sizes)
        predictor.scores(films)

    predict(parts[0])
    predict(parts[-1])
    return {"films_per_second": rate_of(predict, parts, options.seconds)}


def bare_side(model: str, store: str, checkpoint: str, seconds: float, films: str = "") -> dict[str, float]:
    """Return the rates of the plain loop over arrays, or over the films of a folder, from a fresh process."""
    side = ("--side", "files", "--films", films) if films else ("--side", "bare")
    said = run(
        "benchmarks/predict_rate.py", *side, "--store", store, "--model", model, "--checkpoint", checkpoint,
        "--seconds", str(seconds),
    )  # fmt: skip
    return dict(json.loads(said.splitlines()[-1]))


def bare(options: Options) -> dict[str, float]:
    """Predict by a loop over batches in memory: films per second compiled, and called as it is."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from datasets.store.film_store import Store
    from genre_models import checkpoint as checkpoints
    from genre_models.models.registry import REGISTRY
    from genre_models.training import trainer

    store, kind = Store.open(options.store), REGISTRY[options.model]
    folder = Path(options.checkpoint)
    trainer.set_up_tensorflow(workers=1, threads=os.cpu_count(), inter_op_parallel=kind.modality != "poster")
    if not folder.exists():
        untrained(store, options.model, folder)
    model = checkpoints.load_model(folder)
    batches = pieces(store, checkpoints.read(folder))
    for batch in batches[:: max(1, len(batches) // 20)]:
        model.predict_on_batch(batch)
    told = {"films_per_second": rate_of(model.predict_on_batch, batches, options.seconds)}
    few = batches[:: max(1, len(batches) // _UNCOMPILED_PIECES)]
    told["uncompiled"] = rate_of(lambda batch: np.asarray(model(batch)), few, 0)
    if kind.modality == "poster":
        large = [np.concatenate(batches[i : i + 4]) for i in range(0, len(batches), 4)]
        told["in_larger_batches"] = rate_of(model.predict_on_batch, large, options.seconds)
    return told


def rate_of(score: Callable[[Any], Any], batches: list[Any], seconds: float) -> float:
    """Return films per second over all batches, as often as it takes to fill so many seconds, at least once."""
    started, films = time.perf_counter(), 0
    while not films or time.perf_counter() - started < seconds:
        for batch in batches:
            score(batch)
        films += sum(map(len, batches))
    return films / (time.perf_counter() - started)


def pieces(store: Any, about: Any) -> list[np.ndarray]:
    """Return the store's films as a model's inputs, in the pieces that a `Predictor` cuts them to."""
    from datasets.batches.batching import padded_length
    from datasets.store.film_store import poster_array
    from datasets.text.vocabulary import Vocabulary
    from genre_models.predictors.network import PIECE
    from ray_jobs.evaluation.predict import BATCH

    made: list[np.ndarray] = []
    for split in _SPLITS:
        table = store.table(split, list(about.inputs.sources))
        for start in range(0, len(table), BATCH):
            films = table.slice(start, BATCH)
            count = -(-len(films) // PIECE)
            if about.inputs.by_length is None:
                made += np.array_split(poster_array(films["poster"], store.manifest.poster_shape), count)
                continue
            ids, lengths = Vocabulary(about.vocabulary).encode(
                films["overview"].to_pylist(), max_tokens=about.config.max_tokens
            )
            for rows in np.array_split(np.argsort(lengths, kind="stable"), count):
                made.append(ids[rows, : padded_length(int(lengths[rows[-1]]), ids.shape[1])])
    return made


def untrained(store: Any, key: str, folder: Path) -> None:
    """Save a checkpoint of the coursework's model as it is before training."""
    from datasets.text.vocabulary import Vocabulary
    from genre_models import checkpoint as checkpoints
    from genre_models.models.registry import REGISTRY
    from genre_models.training.recipe import Recipe

    kind, genres = REGISTRY[key], store.manifest.genres
    config = kind.config_class()
    words: tuple[str, ...] = ()
    if kind.modality != "poster":
        words = Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size).tokens
    trained_on = {"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films}
    about = checkpoints.Checkpoint(key, genres, config, Recipe(), trained_on, vocabulary=words)
    checkpoints.save(folder, about, kind.build(config, genres=len(genres)))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
