"""Claim: ten times the films take the same memory, and the same work a film, to prepare and to train on.

    python benchmarks/scale_up.py               10,000 films against 100,000
    python benchmarks/scale_up.py --quick       5,000 against 20,000

For each size the films are written (`--different` drawn posters, linked under as many names as there are films),
prepared by `datasets.store.prepare` in a process of its own and trained on by `ray_jobs/train_cnn.py`, both with Ray's
object store capped at `--object-store` MB: where the films do not fit, they are streamed. The shuffle window is the
same, and full, at both sizes.

Memory is what a process alone holds and the system cannot take back (RssAnon of /proc), sampled twice a second: of the
driver, and of the largest process of Ray's workers. Pages of the object store, which is capped, and of mapped files are
not counted. Work is processor seconds of the driver and all it started, from the first part done to the last, so that
what a start costs is left out; of training the seconds of its last epoch. The floor of each ratio is 1.

Beside that a table alone is read: of `--rows` films and of a tenth of them, without posters, by a process of its own.
Its rate is that of processor seconds, told beside the floor, `csv.reader` alone over the same file.

Beside that the split alone is run on the columns of a million films: the most bytes a film that it holds, what it is
given and gives back included. Its floor is what it is given: 16 bytes of an id's hash, 4 of 25 genres.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import tyro
from claims import Claim, machine, tell

from datasets.sample.films import csv_header, csv_row, draw_film
from datasets.store.split import hash_ids, pack_bits, split_hashed
from genre_models.training.history import from_csv

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Options:
    """What is compared."""

    small: int = 10_000
    """Films of the small run."""
    large: int = 100_000
    """Films of the large run."""
    different: int = 2_000
    """Posters that are drawn; their overviews and genres come again with them, under other ids."""
    side: int = 32
    """Height and width of the stored posters in pixels."""
    window: int = 4_096
    """Films in the training worker's shuffle window."""
    epochs: int = 2
    """Epochs trained; the last one's seconds are compared, since the first one compiles."""
    object_store: int = 512
    """Most megabytes of Ray's object store."""
    rows: int = 1_000_000
    """Films of the table that is read alone."""
    split: int = 1_000_000
    """Films of the split that is run alone."""
    folder: str = ""
    """Where films and stores are kept; by default a temporary folder."""
    quick: bool = False
    """5,000 films against 20,000."""
    claims: str = ""
    """File for the claims as JSON."""
    table: str = ""
    """Internal: read this table alone, and print as JSON what it took."""
    prepare: str = ""
    """Internal: prepare the films of this folder alone, and print as JSON what it took."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one size."""

    driver: dict[str, float]
    """Most megabytes that the driver held, in each job."""
    worker: dict[str, float]
    """Most megabytes that a worker held."""
    cost: dict[str, float]
    """Milliseconds a film: of processors to prepare, of the clock to train an epoch."""


def main(options: Options) -> None:
    """Run both sizes and compare them."""
    if options.prepare:
        print(json.dumps(prepared(options)))
        return
    if options.table:
        print(json.dumps(table_read(options.table)))
        return
    if options.quick:
        options = replace(options, small=5_000, large=20_000, different=500, window=1_024, side=16, rows=200_000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        small, large = (run(options, folder, films) for films in (options.small, options.large))
        claims = [*table_claims(options, folder), split_claim(options.split)]
    print(f"Machine: {machine()}; {options.side} by {options.side} pixels, object store {options.object_store} MB")
    for what, unit, one, other in (
        ("driver's memory", "MB", small.driver, large.driver),
        ("largest worker's memory", "MB", small.worker, large.worker),
        ("cost a film", "ms", small.cost, large.cost),
    ):
        for job in one:
            told = f"Scale up {options.large:,} films to {options.small:,}, {job}: {what}"
            floor = f"1; {one[job]:.3g} and {other[job]:.3g} {unit}"
            claims.append(Claim(told, other[job] / one[job], 1.1, "at most", floor))
    tell(claims, options.claims)


def table_claims(options: Options, folder: Path) -> list[Claim]:
    """Read tables of two sizes, each in a process of its own; compare memory, and the rate with its floor."""
    took = {}
    for films in (options.rows // 10, options.rows):
        path = folder / f"table-{films}.csv"
        rows = [csv_row(draw_film(number, seed=0)) for number in range(50)]
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(csv_header())
            table.writerows([f"film-{number:08d}", *rows[number % len(rows)][1:]] for number in range(films))
        took[films] = json.loads(watched(options, [__file__, "--table", str(path)])[2].splitlines()[-1])
    few, many = took.values()
    floor = f"{many['floor']:,.0f} of csv.reader alone"
    return [
        Claim(f"Table of {options.rows:,} films, read a second", many["rate"], 30_000, "at least", floor),
        Claim(
            f"Table of {options.rows:,} films to {options.rows // 10:,}: memory",
            many["memory"] / few["memory"],
            1.5,
            "at most",
            f"1; {few['memory']:.0f} and {many['memory']:.0f} MB",
        ),
    ]


def table_read(path: str) -> dict[str, float]:
    """Return films read a processor second, most megabytes held, and the floor of the rate."""
    from datasets.raw.films_folder import read_films

    most = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            most[0] = max(most[0], held(os.getpid()))

    thread = threading.Thread(target=watch)
    thread.start()
    started = time.process_time()
    films = len(read_films(path).table)
    seconds = time.process_time() - started
    over.set()
    thread.join()
    started = time.process_time()
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = sum(1 for _ in csv.reader(file, strict=True))
    return {"rate": films / seconds, "memory": most[0], "floor": rows / (time.process_time() - started)}


def split_claim(films: int) -> Claim:
    """Split the columns of films drawn at random; numpy tells `tracemalloc` all it holds."""
    draw = np.random.default_rng(0)
    rarity = 0.5 * 0.75 ** np.arange(25)
    tracemalloc.start()
    packed = np.concatenate([pack_bits(draw.random((50_000, 25)) < rarity) for _ in range(0, films, 50_000)])[:films]
    hashed = [hash_ids([f"film-{i}" for i in range(at, min(at + 50_000, films))], 0) for at in range(0, films, 50_000)]
    words = np.concatenate(hashed)
    del hashed
    tracemalloc.reset_peak()
    shares = {"train": 0.7, "validation": 0.1, "test": 0.2}
    split_hashed(words, packed, genres=25, shares=shares, seed=0)
    most = tracemalloc.get_traced_memory()[1] / films
    tracemalloc.stop()
    return Claim(f"Split of {films:,} films, bytes a film", most, 128, "at most", "20 that it is given")


def run(options: Options, folder: Path, films: int) -> Seen:
    """Write films, prepare and train on them, and return what that took."""
    write_films(folder / f"films-{films}", films, different=min(options.different, films))
    store = f"{folder}/store-{films}"
    drivers: dict[str, float] = {}
    workers: dict[str, float] = {}
    me = [__file__, "--side", str(options.side), "--folder", store]
    drivers["prepare"], workers["prepare"], said = watched(options, [*me, "--prepare", f"{folder}/films-{films}"])
    runs = ["--runs", f"{folder}/runs", "--name", f"run-{films}", "--shuffle-buffer", str(options.window)]
    size = ["--height", str(options.side), "--width", str(options.side), "--epochs", str(options.epochs)]
    train = ["ray_jobs/train_cnn.py", "--store", store, *runs, *size]
    drivers["train"], workers["train"], _ = watched(options, train)
    history = from_csv(Path(folder, "runs", f"run-{films}", "history.csv").read_text())
    trained = json.loads(Path(store, "manifest.json").read_text())["films"]["train"]
    cost = {"prepare": json.loads(said.splitlines()[-1]), "train": 1000 * history[-1].training_seconds / trained}
    return Seen(drivers, workers, cost)


def write_films(folder: Path, films: int, *, different: int) -> None:
    """Write a films folder, in which posters are links to `different` drawn ones."""
    images = folder / "Images"
    images.mkdir(parents=True)
    rows: list[list[str]] = []
    with (folder / "IMDB_overview_genres.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(csv_header())
        for number in range(films):
            if number < different:
                film = draw_film(number, seed=0)
                (folder / f"{number}.jpg").write_bytes(film.poster_jpeg)
                rows.append(csv_row(film))
            name = f"film-{number:08d}"
            os.link(folder / f"{number % different}.jpg", images / f"{name}.jpg")
            table.writerow([name, *rows[number % different][1:]])


def watched(options: Options, command: list[str]) -> tuple[float, float, str]:
    """Run a script of the project; return the most megabytes of its process and of a worker's, and what it printed."""
    ray = {"RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(options.object_store * 10**6), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as out:
        job = subprocess.Popen(
            [sys.executable, *command], stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **ray}
        )
        with sampled(psutil.Process(job.pid)) as most:
            job.wait()
        out.seek(0)
        said = out.read()
    if job.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return most["driver"], most["worker"], said


@contextmanager
def sampled(driver: psutil.Process) -> Iterator[dict[str, float]]:
    """Sample memory twice a second while the block lasts."""
    most = {"driver": 0.0, "worker": 0.0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for process in family(driver):
                kind = "driver" if process == driver else "worker"
                if kind == "driver" or is_worker(process):
                    most[kind] = max(most[kind], held(process.pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def family(driver: psutil.Process) -> list[psutil.Process]:
    """Return a process and all it started that still run."""
    try:
        return [driver, *driver.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_worker(process: psutil.Process) -> bool:
    """Return whether this is one of the processes in which Ray runs tasks and actors."""
    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith("ray::")
    except psutil.Error:
        return False


def held(pid: int) -> float:
    """Return the megabytes that a process alone holds."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000


def processor_seconds(driver: psutil.Process) -> float:
    """Return the processor seconds of a process and of all it started that still run."""
    seconds = 0.0
    for process in family(driver):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return seconds


def prepared(options: Options) -> float:
    """Prepare films; return processor milliseconds a film: of reading, and of each pass from its first part on."""
    import ray

    from datasets.store.prepare import Preparation, prepare
    from ray_jobs.cluster.resources import configure_ray_data

    me = psutil.Process()
    reached: dict[str, list[tuple[int, float]]] = {}

    def progress(what: str, done: int, _: int) -> None:
        reached.setdefault(what, []).append((done, processor_seconds(me)))

    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    configure_ray_data()
    started = processor_seconds(me)
    prepare(options.prepare, options.folder, Preparation(options.side, options.side), progress)
    (_, read), *decoded = reached["decoding posters"]
    total = (read - started) / decoded[-1][0]
    for marks in (decoded, reached["writing the store"]):
        (first, before), (last, after) = marks[0], marks[-1]
        total += (after - before) / (last - first)
    return 1000 * total


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
