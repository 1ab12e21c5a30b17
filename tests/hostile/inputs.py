"""Hostile inputs by a seed: sound ones that are cut, flipped, repeated, or hold what nobody expects."""

from __future__ import annotations

import gzip
import io
import json
import math
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from datasets.store import film_store
from datasets.store.film_store import Manifest, film_schema
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from tests.ray_jobs.epochs import epochs

TEXTS = (
    *("", " ", "\0", "\r", "\n", "\t", ",", ";", '"', "''", "\ufeff", "\u202e", "\x1b[2J", "\ud7ff", "\uffff"),
    *("é", "日本", "🎬" * 40, "x" * 5000, "../../etc/passwd", "/dev/zero", "%s%n", "=cmd|' /C calc'!A0"),
    *("nan", "inf", "-1", "1e999", "0x10", "9" * 400, "null", "true", "{}", "[" * 200, "&a [*a, *a]"),
    *("<script>alert(1)</script>", "!!python/object:os.system"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, math.nan, math.inf, -math.inf),
    *("", "nosuch", "batch", "\0", [], [1], (), (0,), (1, "x"), ((1,),), {}, {"a": 1}, b"bytes", object),
)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Return bytes with one to four faults."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(out) + 1)
        other = draw.randrange(len(out) + 1)
        match draw.randrange(8):
            case 0:
                del out[place:]
            case 1 if out:
                out[min(place, len(out) - 1)] ^= 1 << draw.randrange(8)
            case 2:
                out[place:place] = draw.choice(TEXTS).encode("utf-8")
            case 3:
                out[place:place] = out[min(place, other) : max(place, other)][:20_000]
            case 4:
                del out[min(place, other) : max(place, other)]
            case 5:
                out[place:place] = draw.randbytes(draw.randint(1, 300))
            case 6:
                out[place : place + 4] = b"\xff\xff\xff\x7f"
            case _:
                lines = bytes(out).split(b"\n")
                draw.shuffle(lines)
                out = bytearray(b"\n".join(lines))
    return bytes(out)


def table() -> bytes:
    """Return a sound table of eight films in two genres."""
    rows = [f"tt{film},A story of {film} people,{film % 2},{(film + 1) % 2},tt{film}.png" for film in range(8)]
    return "\n".join(["id,overview,Drama,Comedy,poster", *rows]).encode()


def picture(kind: str) -> bytes:
    """Return a sound picture of 24 by 36 pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (36, 24, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def films(folder: Path) -> Path:
    """Write a sound folder of films."""
    (folder / "Images").mkdir(parents=True)
    (folder / "films.csv").write_bytes(table())
    for film in range(8):
        (folder / "Images" / f"tt{film}.png").write_bytes(picture("PNG"))
    return folder


def store(folder: Path) -> Path:
    """Write a sound store of one film in each split."""
    films = dict.fromkeys(film_store.SPLITS, 1)
    rows = [{"row": 2, "id": "tt1", "overview": "words", "labels": [1.0], "poster": b"rgb"}]
    for split in films:
        path = folder / "films" / f"split={split}" / "part-000000002.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=film_schema(1, (1, 1, 3))), path)
    pq.write_table(pa.table({"word": ["words"], "count": [6]}), folder / "words.parquet")
    genre_films = {split: {"Drama": 1} for split in films}
    film_store.write_manifest(str(folder), Manifest(
        ("Drama",), films, genre_films, {"height": 1, "width": 1}, {"seed": 0}, {"rejects": {}}, "f", "now", {},
    ))  # fmt: skip
    return folder


def checkpoint(folder: Path) -> Path:
    """Write a sound checkpoint, whose weights are an archive of one file."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    about = Checkpoint(
        "lstm", ("Drama", "Comedy"), OverviewLSTM(), Recipe(), {"fingerprint": "f", "path": "/store"}, 1,
        thresholds=(0.5, 0.25), vocabulary=("film", "love"), history=tuple(epochs(0.5)),
    )  # fmt: skip
    checkpoints.save_metadata(folder, about, parameters=1)
    return folder


def sweep(runs: Path) -> Path:
    """Write a sound sweep of a trial."""
    folder = SweepFolder(str(runs), "sweep")
    folder.write_options({"kind": "cnn"})
    folder.write_trial(Trial(1, {"batch_size": 32}, "finished"))
    folder.trial_folder(1).write_history(epochs(0.5, 0.4))
    return runs / "sweep"


def settings() -> bytes:
    """Return a sound YAML file of settings."""
    return json.dumps({"kind": "cnn", "recipe": {"epochs": 3}, "model": {"normalization": "batch"}}, indent=1).encode()


def space() -> bytes:
    """Return a sound search space."""
    return b"learning_rate: {log_uniform: [1.0e-4, 1.0e-2]}\nbatch_size: [32, 64]\nblock_filters: [[16, 32], [32]]\n"


def components() -> bytes:
    """Return sound components of an ablation."""
    return b"small:\n  description: fewer filters\n  ablated: {block_filters: [16]}\nslow: {added: {epochs: 20}}\n"


def films_as(name: str) -> bytes:
    """Return a sound table of films in the format of a file's name."""
    rows = [{"id": f"tt{film}", "overview": f"A story {film}.", "genres": ["Drama"]} for film in range(8)]
    stream = io.BytesIO()
    match name.partition(".")[2]:
        case "json":
            return json.dumps(rows).encode()
        case "jsonl":
            return "\n".join(map(json.dumps, rows)).encode()
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), stream)
        case "csv.gz":
            return gzip.compress(table())
        case _:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("films.csv", table())
                archive.writestr("Images/tt1.png", picture("PNG"))
    return stream.getvalue()
