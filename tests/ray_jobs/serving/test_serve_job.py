"""The job as a user starts it: the answers of its models over HTTP, hostile bytes, and its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import genre_models as gm
from genre_models.checkpoint import CheckpointError
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.serving.lifetime import serve_until_stopped
from ray_jobs.serving.settings import ServingOptions
from tests.genre_models.predictors.tiny_models import GENRES, OVERVIEWS, save
from tests.jobs import started_on
from tests.ray_jobs.serving.fake_models import base64_of, picture
from tests.ray_node import Head

COLOURS = ((250, 20, 20), (10, 200, 90), (0, 0, 0))
_START_S = 120


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the folders of two tiny checkpoints, of posters and of overviews."""
    folder = tmp_path_factory.mktemp("served")
    for kind in ("cnn", "lstm"):
        save(kind, folder / kind / "epoch-001")
    return [str(folder / kind / "epoch-001") for kind in ("cnn", "lstm")]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def wait_until_up(url: str, job: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _START_S
    while True:
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < until, "the service did not come up"
        try:
            if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.3)


def send_raw(port: int, data: bytes) -> bytes:
    """Send bytes to a port and return the beginning of the answer; empty if the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(12)
        except ConnectionResetError:
            return b""


def test_served_answers_are_those_of_the_models(models: list[str], ray_head: Head) -> None:
    """One service for all: its start takes ten seconds."""
    port, wait_ms = free_port(), 1500
    url = f"http://127.0.0.1:{port}"
    options = ("--model", *models, "--port", port, "--batch-wait-ms", wait_ms, "--max-body-mb", 0.5)
    with started_on(ray_head, "serve", *options) as job, ThreadPoolExecutor(4) as pool:
        wait_until_up(url, job)
        films = [{"poster": picture("PNG", colour=c), "overview": o} for c, o in zip(COLOURS, OVERVIEWS, strict=True)]
        films += [{"poster": None, "overview": OVERVIEWS[0]}]
        expected = gm.load(*models).predict(
            posters=[film["poster"] for film in films], overviews=[film["overview"] for film in films]
        )

        def predict(film: dict[str, Any]) -> dict[str, Any]:
            poster = base64_of(film["poster"]) if film["poster"] else None
            response = httpx.post(f"{url}/predict", json={**film, "poster": poster}, timeout=60)
            assert response.status_code == 200, response.text
            return dict(response.json())

        answers = list(pool.map(predict, films))
        for answer, row in zip(answers, expected.to_numpy(), strict=True):
            assert list(answer["probabilities"]) == list(GENRES)
            np.testing.assert_allclose(list(answer["probabilities"].values()), row, atol=1e-6)
        assert [one["model"] for one in answers[0]["models"]] == ["epoch-001", "epoch-001-1", "mean"]
        assert answers[3]["models"][0]["problem"] == "no poster"

        # All came within the time that a film waits for others.
        counters = dict(line.rsplit(" ", 1) for line in httpx.get(f"{url}/metrics").text.splitlines() if line[0] != "#")
        assert float(counters["film_genres_batch_films_sum"]) == 4
        assert float(counters["film_genres_batch_films_count"]) < 4

        # Through Serve's proxy, which reads a body as it comes.
        long = b'{"overview": "' + b"x" * 600_000
        assert httpx.post(f"{url}/predict", content=long).status_code == 413
        assert httpx.post(f"{url}/predict", content=(long[i : i + 60_000] for i in range(0, len(long), 60_000)),
                          headers={"content-type": "application/json"}).status_code == 413  # fmt: skip
        for data in (b"\x16\x03\x01 no HTTP", b"GET / HTTP/9.9\r\n\r\n", b"POST /predict HTTP/1.1\r\nHost: a\r\n"
                     b"Content-Length: 9\r\nContent-Type: application/json\r\n\r\n{}"):  # fmt: skip
            assert send_raw(port, data)[9:10] in (b"4", b"")
        assert "<h1>" in httpx.get(url).text

        # Asked to end, it first answers the film that waits for others.
        waiting = pool.submit(predict, films[0])
        time.sleep(0.7)
        job.send_signal(signal.SIGTERM)
        assert waiting.result()["genres"] == answers[0]["genres"]
        output, _ = job.communicate(timeout=60)
        assert job.returncode == 0, output
        assert f"mean of 2 models: {url}/" in output.splitlines() and output.splitlines()[-1] == "Ended"
        assert "Traceback" not in output and "(raylet)" not in output


def test_mistakes_are_named_before_ray_starts(models: list[str], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        serve_until_stopped(ServingOptions(model=(str(tmp_path),)), "127.0.0.1", free_port(), Console())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrainError, match=f"cannot listen at 127.0.0.1:{port} .*: take another --port"):
            serve_until_stopped(ServingOptions(model=tuple(models)), "127.0.0.1", port, Console())
