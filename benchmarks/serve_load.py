"""Claims: a service answers 32 clients without an error, and faster in batches than film by film.

    python benchmarks/serve_load.py                         the coursework's two models, on the synthetic sample
    python benchmarks/serve_load.py --model RUNS --films FILMS

The job `serve.py` is started as a user starts it, once with batches and once with `--max-batch-size 1`. Each time 32
clients, in a process of their own, post posters and overviews as forms for a minute, the next one as soon as one is
answered. Requests a second and the time of an answer (p50, p95, p99) are told, and beside them what the models alone
reach in one process, which decodes and predicts the same films, in batches of 32 and film by film: there neither HTTP
nor clients take of the cores. By default the weights are those before the first step; they take as long.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from claims import ROOT, Claim, machine, run, sample_store, tell

_SAMPLE, _BODIES = 200, 64
_BATCH = 32
_START_S, _WARM_S = 180.0, 3.0
_EDGE = "edge-of-a-part"


@dataclass(frozen=True)
class Options:
    """Load and models."""

    model: tuple[str, ...] = ()
    """Models to serve, as of serve.py; by default the coursework's CNN and LSTM, untrained."""
    films: str = ""
    """Films folder whose posters and overviews are sent; by default the synthetic sample's."""
    clients: int = 32
    """Clients that ask at the same time."""
    seconds: float = 60.0
    """Duration of the load."""
    replicas: int = 1
    """Replicas of the service."""
    quick: bool = False
    """A tenth of the time, for `make bench`."""
    claims: str = ""
    """JSON file for what was found."""
    side: Literal["all", "clients", "bare"] = "all"
    """Internal: "clients" asks a service at --port, "bare" calls the models in its process; both print JSON."""
    port: int = 0
    """Internal: port of the service."""


def main(options: Options) -> None:
    """Load the service with and without batches, and print what it answered."""
    if options.side != "all":
        print(json.dumps((ask_for if options.side == "clients" else bare)(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        models, films = made(options, folder)
        seconds = options.seconds / 10 if options.quick else options.seconds
        common = ("--films", films, "--clients", str(options.clients), "--seconds", str(seconds))
        found = {}
        for name, size in (("in batches", _BATCH), ("film by film", 1)):
            with service(models, size, options.replicas) as port:
                said = run("benchmarks/serve_load.py", "--side", "clients", "--port", str(port), *common)
            found[name] = json.loads(said.splitlines()[-1])
            print(line(f"service, {name}", found[name]))
        said = run("benchmarks/serve_load.py", "--side", "bare", "--model", *models, *common)
    alone = json.loads(said.splitlines()[-1])
    print(f"models alone: {alone['batches']:.1f} films/s in batches of {_BATCH}, {alone['single']:.1f} film by film")
    print(f"Machine: {machine()}, load average {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    batched, single = found["in batches"], found["film by film"]
    floor = f"models alone {alone['batches']:.1f} films/s in batches, {alone['single']:.1f} film by film"
    tell(
        [
            Claim("service, errors under load", batched["errors"] + single["errors"], 0, "at most", "none"),
            Claim(
                "service, requests/s in batches against film by film",
                batched["rate"] / single["rate"], 1.0, "at least", floor,
            ),
        ],
        options.claims,
    )  # fmt: skip


def line(name: str, found: dict[str, float]) -> str:
    """Return rate, latencies and errors as a line."""
    times = ", ".join(f"{one} {1000 * found[one]:.0f} ms" for one in ("p50", "p95", "p99"))
    return (
        f"{name}: {found['rate']:.1f} requests/s, {times}; {found['requests']:.0f} requests, {found['errors']} errors"
    )


def made(options: Options, folder: str) -> tuple[list[str], str]:
    """Return the paths of the models and of the films folder; what is not given is made."""
    films = options.films
    models = list(options.model)
    if not films or not models:
        store = sample_store(_SAMPLE, folder)
        films = films or f"{store}-sample-{_SAMPLE}-seed-0"
        if not models:
            models = untrained_models(store, folder)
    return models, films


def untrained_models(store: str, folder: str) -> list[str]:
    """Save the coursework's CNN and LSTM as they are before training; return their folders."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from predict_rate import untrained

    from datasets.store.film_store import Store

    places = {key: Path(folder, key, "epoch-001") for key in ("cnn", "lstm")}
    for key, place in places.items():
        untrained(Store.open(store), key, place)
    return list(map(str, places.values()))


@contextmanager
def service(models: list[str], batch: int, replicas: int) -> Iterator[int]:
    """Run the service; give its port once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "ray_jobs/serve.py"), "--model", *models, "--port", str(port)]
    command += ["--max-batch-size", str(batch), "--replicas", str(replicas)]
    with tempfile.TemporaryFile("w+") as log:
        job = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            until = time.monotonic() + _START_S
            while not answers(port):
                if job.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    sys.exit(f"the service did not start:\n{log.read()}")
                time.sleep(0.5)
            yield port
        finally:
            job.send_signal(signal.SIGTERM)
            job.wait()


def answers(port: int) -> bool:
    """Return whether the service answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def sample_films(folder: str) -> list[tuple[bytes, str]]:
    """Return posters and overviews of a films folder."""
    from datasets.raw.films_folder import ReadOptions, read_films
    from datasets.storage import files

    rows = read_films(folder, ReadOptions(labelled=False)).table.slice(0, _BODIES).to_pylist()
    return [(files.read_bytes(row["poster"]) if row["poster"] else b"", row["overview"]) for row in rows]


def ask_for(options: Options) -> dict[str, float]:
    """Post films by so many clients for so long; return rate, quantiles of the time of an answer, and errors."""
    bodies = [form(poster, overview) for poster, overview in sample_films(options.films)]
    taken: list[tuple[float, float]] = []  # when it was answered, and how long it took
    errors: list[str] = []
    end = time.perf_counter() + _WARM_S + options.seconds

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=120)
        head = {"Content-Type": f"multipart/form-data; boundary={_EDGE}"}
        number = client
        while (sent := time.perf_counter()) < end:
            try:
                connection.request("POST", "/predict", bodies[number % len(bodies)], head)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200 or not json.loads(body)["top3"]:
                    errors.append(f"{answer.status} {body[:200]!r}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                errors.append(repr(error))
                connection.close()
            now = time.perf_counter()
            taken.append((now, now - sent))
            number += 1

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        print("\n".join(errors[:5]), file=sys.stderr)
    # The first seconds, in which Serve finds its pace, do not count.
    times = np.array([seconds for when, seconds in taken if end - options.seconds <= when <= end])
    p50, p95, p99 = np.quantile(times, (0.5, 0.95, 0.99)).tolist()
    rate = len(times) / options.seconds
    return {"rate": rate, "p50": p50, "p95": p95, "p99": p99, "requests": len(taken), "errors": len(errors)}


def form(poster: bytes, overview: str) -> bytes:
    """Return a film as the body of a form."""
    head = f'--{_EDGE}\r\nContent-Disposition: form-data; name="poster"; filename="poster.jpg"\r\n\r\n'
    text = f'\r\n--{_EDGE}\r\nContent-Disposition: form-data; name="overview"\r\n\r\n{overview}\r\n--{_EDGE}--\r\n'
    return head.encode() + poster + text.encode()


def bare(options: Options) -> dict[str, float]:
    """Decode and predict the films in this process: films a second in batches, and film by film."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from genre_models.predictors.films import read_films
    from ray_jobs.serving.served_models import ServedModels

    models = ServedModels.load(options.model, threads=os.cpu_count())
    films = sample_films(options.films)

    def rate(size: int) -> float:
        started, done = 0.0, 0
        # The first two calls compile the networks.
        for call in range(10**9):
            if call == 2:
                started, done = time.perf_counter(), 0
            if call > 2 and time.perf_counter() - started > options.seconds / 4:
                break
            some = [films[(call * size + i) % len(films)] for i in range(size)]
            decoded, _ = read_films(
                [poster for poster, _ in some], [text for _, text in some], sizes=models.poster_sizes
            )
            models.scores(decoded)
            done += size
        return done / (time.perf_counter() - started)

    return {"batches": rate(_BATCH), "single": rate(1)}


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
