"""Claims: what a training step of 2 and 4 workers takes against 1, and what is lost to communication, waiting, input.

    python benchmarks/scale_out.py                      both models, 2 and 4 workers, on the synthetic sample
    python benchmarks/scale_out.py --store DIR --model lstm --workers 2

Workers are processes that train by the loop the jobs train by (`genre_models/training/trainer.py`), each with one
thread and a core of its own; the films are in their memory, as they are under Ray Train from the second epoch on. More
workers than cores take turns, which says nothing about more machines: it is told to show it. Every worker times the
same batches

    alone      on one core while the others idle (one worker)
    together   while all workers compute, without collectives: what sharing the machine costs
    reduced    with the gradients summed over all workers: what is lost to communication
    fed        with the batches cut from the films while the step computes, as in a run: what is lost to input

and the all-reduce by itself. Waiting is how much longer the slowest worker's step takes than the mean one's. Weak
scaling keeps the films of each worker, strong scaling those of all. The model of `benchmarks/step_time.py` is fitted to
the steps alone, together and to the all-reduce by itself, and held against the steps with collectives.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import step_time
import tyro
from claims import Claim, machine, sample_store, tell

WORKED = 0.9  # of the films a second that one worker reaches with as many threads
ERROR = 0.15  # of the step-time model
_TURNS = 2
_WARM = 2  # steps of each timing that are not counted
_MESSAGES = (4, 2**20, 4 * 2**20, 16 * 2**20)
_REDUCES = 10


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
    sample_films: int = 1_500
    """Films of that sample."""
    model: Literal["both", "cnn", "lstm"] = "both"
    """Which model, at the coursework's size."""
    workers: tuple[int, ...] = (2, 4)
    """Numbers of workers."""
    batch: int = 64
    """Films in a step of one worker; by strong scaling, of all of them."""
    steps: int = 20
    """Steps of each timing."""
    quick: bool = False
    """The CNN on 2 workers, fewer steps, for `make bench`."""
    claims: str = ""
    """JSON file for what was found."""
    rank: int = -1
    """Internal: the number of this worker."""
    addresses: tuple[str, ...] = ()
    """Internal: where all workers listen."""
    threads: int = 1
    """Internal: threads of each worker."""
    batches: tuple[int, ...] = ()
    """Internal: films in a step of this worker."""


def main(options: Options) -> None:
    """Time all numbers of workers and print what they come to."""
    if options.rank >= 0:
        print(json.dumps(work(options)))
        return
    if options.quick:
        options = replace(options, model="cnn", workers=(2,), steps=10)
    claims: list[Claim] = []
    with tempfile.TemporaryDirectory() as folder:
        options = replace(options, store=options.store or sample_store(options.sample_films, folder))
        for model in ("cnn", "lstm") if options.model == "both" else (options.model,):
            claims += scale(replace(options, model=model))
    print(f"Machine: {machine()}")
    tell(claims, options.claims)


def scale(options: Options) -> list[Claim]:
    """Time one model on all numbers of workers, print the tables and return the claims."""
    cores = len(os.sched_getaffinity(0))
    strong = {workers: max(1, options.batch // workers) for workers in options.workers}
    alone = launch(options, 1, batches=[options.batch, *strong.values()])
    whole = launch(options, 1, batches=[options.batch], threads=cores)
    told = {workers: launch(options, workers, batches=[options.batch, strong[workers]]) for workers in options.workers}
    size = 4 * alone[0]["parameters"]
    print(f"{options.model}: {alone[0]['parameters']:,} parameters, {size / 1e6:.1f} MB of gradients")
    one = {batch: timed["fed"]["seconds"] for batch, timed in _timed(alone[0])}
    print(
        f"  1 worker of 1 thread {options.batch / one[options.batch]:.0f} films/s, of {cores} threads "
        f"{options.batch / dict(_timed(whole[0]))[options.batch]['fed']['seconds']:.0f}; batches cut from films in "
        f"memory by one core {alone[0]['input_films_per_second']:,.0f} films/s"
    )
    head = "        films/s  of 1 worker   step =  alone + sharing + waiting + communication + input"
    for workers, ranks in told.items():
        sent = step_time.gradient_traffic(workers, alone[0]["parameters"])
        over = f", {workers} on {cores} cores: they take turns" if workers > cores else ""
        print(f"  {workers} workers of 1 thread{over}; each sends {sent / 1e6:.1f} MB a step\n{head}")
        for name, batch in (("weak", options.batch), ("strong", strong[workers])):
            parts = parts_of(ranks, batch, dict(_timed(alone[0]))[batch]["local"]["seconds"])
            rate = workers * batch / parts["step"]
            times = rate / (options.batch / one[options.batch])
            print(
                f"    {name:<6} {rate:6.0f}  {times:6.2f} times {1e3 * parts['step']:6.0f} ms = "
                + " + ".join(f"{1e3 * seconds:.0f}" for part, seconds in parts.items() if part != "step")
            )
        for label, seconds in ranks[0]["reduces"].items():
            print(f"    all-reduce of {label}: {1e3 * seconds:.1f} ms")
    fitted, worst = held_against(alone, told, size, cores)
    print(
        f"  step-time model: {1e3 * fitted.fixed_s:.0f} ms + {1e3 * fitted.film_s:.2f} ms a film, sharing the machine "
        f"x {fitted.sharing:.2f}, {1e3 * fitted.hop_s:.2f} ms a hop, {fitted.bandwidth / 1e6:.0f} MB/s; worst error "
        f"{worst:.0%}"
    )
    return claims_of(options, whole[0], told, cores, worst)


def parts_of(ranks: Sequence[dict[str, Any]], batch: int, alone: float) -> dict[str, float]:
    """Return the seconds of a fed step and of its parts, which add up to it."""
    timed = [dict(_timed(rank))[batch] for rank in ranks]
    together = statistics.mean(one["local"]["seconds"] for one in timed)
    laps = np.array([one["local"]["laps"] for one in timed])
    waiting = float((laps.max(axis=0) - laps.mean(axis=0)).mean())
    reduced, feature_specs = (statistics.mean(one[mode]["seconds"] for one in timed) for mode in ("reduced", "fed"))
    return {
        "step": feature_specs,
        "alone": alone,
        "sharing": together - alone,
        "waiting": waiting,
        "communication": reduced - together - waiting,
        "input": feature_specs - reduced,
    }


def held_against(alone: Any, told: dict[int, Any], size: float, cores: int) -> tuple[step_time.Fit, float]:
    """Return the fitted model and its worst relative error on the steps with collectives."""
    one = [step_time.Step(1, batch, timed["local"]["seconds"]) for batch, timed in _timed(alone[0])]
    both: dict[str, list[step_time.Step]] = {"local": [], "reduced": []}
    rings = []
    for workers, ranks in told.items():
        for batch in dict(_timed(ranks[0])):
            for mode, steps in both.items():
                seconds = statistics.mean(dict(_timed(rank))[batch][mode]["seconds"] for rank in ranks)
                steps.append(step_time.Step(workers, batch, seconds))
        rings += [(workers, float(size), seconds) for size, seconds in ranks[0]["messages"].items()]
    fitted = step_time.fit(one, both["local"], rings, cores)
    measured = [*one, *both["reduced"]]
    errors = [abs(fitted.seconds(step.workers, step.batch, size) / step.seconds - 1) for step in measured]
    for step, error in zip(measured, errors, strict=True):
        predicted = fitted.seconds(step.workers, step.batch, size)
        print(
            f"  {step.workers} x {step.batch:3} films: measured {1e3 * step.seconds:.0f} ms, model "
            f"{1e3 * predicted:.0f} ms, off by {error:.0%}"
        )
    return fitted, max(errors)


def claims_of(options: Options, whole: Any, told: dict[int, Any], cores: int, worst: float) -> list[Claim]:
    """Return the claims of one model."""
    name = options.model.upper()
    claims = [Claim(f"{name} step-time model, worst error", worst, ERROR, "at most", "none: a fit")]
    if cores in told:
        floor = options.batch / dict(_timed(whole))[options.batch]["fed"]["seconds"]
        feature_specs = statistics.mean(dict(_timed(rank))[options.batch]["fed"]["seconds"] for rank in told[cores])
        rate = cores * options.batch / feature_specs
        what = f"{name} on {cores} workers of 1 thread, films/s against 1 worker of {cores} threads"
        claims.insert(0, Claim(what, rate / floor, WORKED, "at least", f"1 worker {floor:.0f} films/s"))
    return claims


def _timed(rank: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    return [(int(batch), timed) for batch, timed in rank["batches"].items()]


# -- processes ---------------------------------------------------------------------------------------------------------


def launch(options: Options, workers: int, *, batches: Sequence[int], threads: int = 1) -> list[dict[str, Any]]:
    """Run so many workers and return what each of them timed."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    fixed = [
        "--store", options.store, "--model", options.model, "--steps", str(options.steps), "--threads", str(threads),
        "--batches", *map(str, batches), "--addresses", *addresses,
    ]  # fmt: skip
    command = [sys.executable, str(Path(__file__).resolve()), *fixed, "--rank"]
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, f"{rank}.{stream}") for rank in range(workers) for stream in ("out", "err")]
        started = [
            subprocess.Popen(
                [*command, str(rank)], stdout=said[2 * rank].open("w"), stderr=said[2 * rank + 1].open("w")
            )
            for rank in range(workers)
        ]
        try:
            # One that fails leaves the others waiting for it for ever.
            while any(process.poll() is None for process in started):
                if any(process.poll() for process in started):
                    break
                time.sleep(0.2)
        finally:
            for process in started:
                process.kill()
                process.wait()
        for rank, process in enumerate(started):
            if process.returncode > 0:
                sys.exit(f"worker {rank} of {workers} failed:\n{said[2 * rank + 1].read_text()[-3000:]}")
        return [json.loads(said[2 * rank].read_text().splitlines()[-1]) for rank in range(workers)]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


# -- one worker --------------------------------------------------------------------------------------------------------


def work(options: Options) -> dict[str, Any]:
    """Time this worker's steps, together with the other workers."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    workers, rank = len(options.addresses), options.rank
    if workers > 1:
        task = {"cluster": {"worker": options.addresses}, "task": {"type": "worker", "index": rank}}
        os.environ["TF_CONFIG"] = json.dumps(task)
    cores = sorted(os.sched_getaffinity(0))
    if options.threads == 1:
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    from datasets.store.film_store import Store
    from genre_models.models.registry import REGISTRY
    from genre_models.training import trainer as fit

    kind = REGISTRY[options.model]
    inputs = kind.inputs(kind.config_class())
    strategy = fit.set_up_tensorflow(
        workers=workers, threads=options.threads, inter_op_parallel=inputs.inter_op_parallel
    )
    reduce = reducer(strategy)
    store = Store.open(options.store)
    block = films_of(store, kind, rank, workers)
    told: dict[str, Any] = {"batches": {}}
    for batch in options.batches:
        timed, parameters = times(options, strategy, reduce, kind, block, batch)
        told["batches"][batch] = timed
        told["parameters"] = parameters
    told["input_films_per_second"] = input_rate(block, options)
    if workers > 1:
        told["messages"] = {size: reduce(size) for size in _MESSAGES}
        size = 4 * told["parameters"]
        told["reduces"] = {f"{size / 1e6:.1f} MB in one piece": reduce(size)}
    return told


def times(
    options: Options, strategy: Any, reduce: Callable[[int], float], kind: Any, block: Any, batch: int
) -> tuple[dict[str, Any], int]:
    """Return the seconds a step in each way of stepping, and the model's parameters."""
    import tensorflow as tf

    from datasets.batches.batching import BatchConfig, training_batches
    from genre_models.training.recipe import Recipe
    from genre_models.training.trainer import Trainer

    workers = len(options.addresses)
    recipe = Recipe(batch_size=batch * workers)

    def feed() -> Any:
        """Batches of as many epochs as it takes."""
        for epoch in itertools.count(1):
            yield from training_batches([block], BatchConfig(batch), seed=0, epoch=epoch, rank=options.rank)

    batches = list(itertools.islice(feed(), options.steps))
    modes: dict[str, tuple[Any, Callable[[], Any]]] = {
        "local": (tf.distribute.OneDeviceStrategy("/cpu:0"), lambda: batches)
    }
    if workers > 1:
        modes["reduced"] = (strategy, lambda: batches)
    modes["fed"] = (strategy, lambda: itertools.islice(feed(), options.steps))

    def build() -> Any:
        return kind.build(kind.config_class(), genres=block["labels"].shape[1])

    trainers: dict[int, Any] = {}
    for under, _ in modes.values():
        if id(under) not in trainers:
            trainers[id(under)] = Trainer(build, recipe, under)
            trainers[id(under)].train_epoch(1, batches, lambda _: None)  # compiles, once for each shape
    laps: dict[str, list[Any]] = {mode: [] for mode in modes}
    for _ in range(_TURNS):
        for mode, (under, feature_specs) in modes.items():
            laps[mode].append(laps_of(trainers[id(under)], feature_specs(), reduce))
    # Each step's fastest turn: what else the machine does only ever adds.
    fastest = {mode: np.min(turns, axis=0) for mode, turns in laps.items()}
    timed = {mode: {"seconds": float(best.mean()), "laps": best.tolist()} for mode, best in fastest.items()}
    return timed, trainers[id(strategy)].model.count_params()


def laps_of(trainer: Any, batches: Any, reduce: Callable[[int], float]) -> np.ndarray:
    """Return the seconds of each step but the first ones."""
    stamps: list[float] = []
    reduce(4)  # all workers start together
    trainer.train_epoch(1, batches, lambda _: stamps.append(time.perf_counter()))
    return np.diff(stamps)[_WARM - 1 :]


def reducer(strategy: Any) -> Callable[[int], float]:
    """Return what times an all-reduce of so many bytes over all workers; nothing is sent where there is one."""
    import tensorflow as tf

    if strategy.num_replicas_in_sync == 1:
        return lambda _: 0.0
    made: dict[int, Any] = {}

    def seconds(size: int) -> float:
        if size not in made:
            values = tf.ones(max(1, size // 4))

            def summed() -> Any:
                return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)[:1]

            made[size] = tf.function(lambda: strategy.run(summed))
            made[size]()
        laps = []
        for _ in range(_REDUCES):
            started = time.perf_counter()
            strategy.experimental_local_results(made[size]())[0].numpy()
            laps.append(time.perf_counter() - started)
        return statistics.median(laps)

    return seconds


def films_of(store: Any, kind: Any, rank: int, workers: int) -> dict[str, np.ndarray]:
    """Return a worker's share of the training films, as a block that batches are cut from."""
    from datasets.store.film_store import poster_array
    from datasets.text.vocabulary import Vocabulary

    labels = store.labels("train")[rank::workers]
    if kind.modality == "poster":
        posters = poster_array(store.table("train", ["poster"])["poster"], store.manifest.poster_shape)
        return {"inputs": posters[rank::workers], "labels": labels}
    config = kind.config_class()
    vocabulary = Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size)
    overviews = store.table("train", ["overview"])["overview"].to_pylist()[rank::workers]
    ids, lengths = vocabulary.encode(overviews, max_tokens=config.max_tokens)
    return {"inputs": ids, "lengths": lengths, "labels": labels}


def input_rate(block: Any, options: Options) -> float:
    """Return films a second that batches are cut at, nothing else running in this worker."""
    from datasets.batches.batching import BatchConfig, training_batches

    started, films = time.perf_counter(), 0
    for epoch in range(1, 4):
        for batch in training_batches([block], BatchConfig(options.batch), seed=0, epoch=epoch, rank=0):
            films += int(batch["weights"].sum())
    return films / (time.perf_counter() - started)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
