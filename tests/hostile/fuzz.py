"""Fuzzing of all that a user hands over: each case ends in a result or one clear sentence, in bounded time and memory.

python -m tests.hostile.fuzz --cases 1500 --seed 0
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets.raw.films_folder import read_films
from datasets.raw.posters import PosterError, decode_poster, thumbnail_jpeg
from datasets.raw.rejects import FilmsError
from datasets.storage.files import PathError
from datasets.store.film_store import Store, StoreError
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import CheckpointError
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.search_space import SearchSpaceError, overridden
from genre_models.predictors.find import find_model, require_sound
from genre_models.report.prediction.page import prediction_page
from genre_models.studies.ablation_components import read_components
from genre_models.training.recipe import Recipe
from ray_jobs.cli import config_loading
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.places import check_name
from ray_jobs.runs.sweep_folder import SweepFolder
from ray_jobs.train_cnn import Options
from tests.hostile import inputs, records
from tests.hostile.inputs import TEXTS, VALUES, damaged

SECONDS, BYTES = 60, 2 << 30
EXPECTED = (FilmsError, PathError, PosterError, StoreError, CheckpointError, SearchSpaceError, TrainError)
LONGEST = 3_000  # characters of a sentence
Case = Callable[[random.Random, Path], None]


def tables(draw: random.Random, folder: Path) -> None:
    """Read a damaged table of films."""
    inputs.films(folder)
    (folder / "films.csv").write_bytes(damaged(inputs.table(), draw))
    read_films(str(folder))


def pictures(draw: random.Random, folder: Path) -> None:
    """Decode a damaged picture."""
    del folder
    data = damaged(inputs.picture(draw.choice(("JPEG", "PNG", "GIF", "BMP", "WEBP"))), draw)
    assert decode_poster(data, height=9, width=6).shape == (9, 6, 3)
    assert thumbnail_jpeg(data, height=9)


def options(draw: random.Random, folder: Path) -> None:
    """Give an option of a model or a recipe a value that it may not take."""
    del folder
    of = draw.choice((PosterCNN(), OverviewLSTM(), FusionGMU(), Recipe()))
    name = draw.choice(dataclasses.fields(of)).name
    with contextlib.suppress(ValueError, ImportError):
        dataclasses.replace(of, **{name: draw.choice((*VALUES, *TEXTS))})
    with contextlib.suppress(ValueError):
        check_name(draw.choice(TEXTS) + draw.choice(("", "/", "a", "..")))


def settings(draw: random.Random, folder: Path) -> None:
    """Start from a damaged YAML file."""
    path = folder / "settings.yaml"
    path.write_bytes(damaged(inputs.settings(), draw))
    config_loading.with_config(Options(), ["--config", str(path)])


def stores(draw: random.Random, folder: Path) -> None:
    """Open a store with a damaged file."""
    files = sorted(path for path in inputs.store(folder / "store").rglob("*") if path.is_file())
    path = draw.choice(files)
    path.write_bytes(damaged(path.read_bytes(), draw))
    store = Store.open(str(folder / "store"))
    for split in store.manifest.films:
        assert len(store.table(split, ["id"])) == store.manifest.films[split]
    store.word_counts()


def models(draw: random.Random, folder: Path) -> None:
    """Read a checkpoint with a damaged file: what is read is what was written."""
    place = inputs.checkpoint(folder / "run" / "epoch-001")
    sound = checkpoints.read(place)
    path = draw.choice(sorted(place.iterdir()))
    before = path.read_bytes()
    path.write_bytes(damaged(before, draw))
    found = find_model(str(folder / "run"), tell=lambda _: None)
    require_sound(found)
    read = checkpoints.read(place)
    appended = path.name == "history.csv" and path.read_bytes().startswith(before)
    assert path.name == "checkpoint.json" or appended or read == sound, f"{path.name} was changed and not noticed"


def runs(draw: random.Random, folder: Path) -> None:
    """Read a sweep with a damaged file."""
    files = sorted(path for path in inputs.sweep(folder).rglob("*") if path.is_file())
    path = draw.choice(files)
    path.write_bytes(damaged(path.read_bytes(), draw))
    found = SweepFolder(str(folder), "sweep")
    found.options()
    for trial in found.trials():
        found.trial_folder(trial.number).history()


def values(draw: random.Random, folder: Path) -> None:
    """Read runs, studies and models of which a JSON file holds another value."""
    records.case(draw, folder)


def spaces(draw: random.Random, folder: Path) -> None:
    """Read a damaged search space and damaged components."""
    del folder
    known, text = (Recipe(), PosterCNN()), damaged(inputs.space(), draw).decode("utf-8", "replace")
    with contextlib.suppress(SearchSpaceError):
        overridden({}, text, known=known, where="--space")
    read_components(damaged(inputs.components(), draw).decode("utf-8", "replace"), known=known, where="--components")


def json_tables(draw: random.Random, folder: Path) -> None:
    """Read a damaged table of films in JSON, JSON Lines or Parquet."""
    name = draw.choice(("films.json", "films.jsonl", "films.parquet", "films.csv.gz", "films.zip"))
    (folder / name).write_bytes(damaged(inputs.films_as(name), draw))
    read_films(str(folder))


def pages(draw: random.Random, folder: Path) -> None:
    """Write a page of films with hostile texts."""
    del folder
    text = draw.choice(TEXTS)
    film = {
        "id": text,
        "overview": text,
        "poster_jpeg": None,
        "top": [["Drama", 0.5]],
        "chosen": ["Drama"],
        "note": text,
    }
    texts = dict.fromkeys(("model", "created", "command"), text)
    numbers = {"films": 1, "problems": 0, "thresholds": [0.5], "counts": {"Drama": 1}, "rejects": {text: 1}}
    lists = {"paths": [text], "genres": ["Drama"], "files": [text, text], "shown": [{**film, "note": text}]}
    page = prediction_page({**texts, **numbers, **lists})
    assert "<script>alert" not in page


KINDS: dict[str, Case] = {
    case.__name__: case
    for case in (tables, pictures, options, settings, stores, models, runs, pages, values, spaces, json_tables)
}


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Raise TimeoutError after a minute, and MemoryError where the process has grown by two gigabytes."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it took more than {SECONDS} s")

    before, handler = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    if (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 > BYTES:
        raise MemoryError("it took more than 2 GB")


def verdict(kind: str, number: int, seed: int) -> str:
    """Run a case and return its fault, or "" for a result or one clear sentence."""
    draw = random.Random(f"{kind} {number} {seed}")
    beside = Path(tempfile.mkdtemp(prefix="hostile-"))
    folder, guard = beside / "case", beside / "guard.txt"
    folder.mkdir()
    guard.write_text("kept")
    try:
        with bounded():
            KINDS[kind](draw, folder)
    except EXPECTED as error:
        text = str(error)
        if not text.strip() or len(text) > LONGEST or "Traceback" in text:
            return f"no clear sentence: {text[:200]!r}"
    except (Exception, TimeoutError, MemoryError) as error:
        return "".join(traceback.format_exception_only(error)).strip() + "\n" + traceback.format_exc()[-1500:]
    finally:
        left = {path.name: path for path in beside.iterdir()}
        touched = left.keys() != {"case", "guard.txt"} or guard.read_text() != "kept"
        shutil.rmtree(beside, ignore_errors=True)
    return "a file outside of its folder was touched" if touched else ""


def faults(cases: int, seed: int) -> Iterator[tuple[str, int, str]]:
    """Run cases of all kinds in turn; yield those with a fault."""
    for number in range(cases):
        kind = list(KINDS)[number % len(KINDS)]
        if fault := verdict(kind, number, seed):
            yield kind, number, fault


def as_before(folder: Path) -> tuple[Any, ...]:
    """Return what the sound inputs give."""
    found = read_films(str(inputs.films(folder / "films")))
    pixels = [decode_poster(inputs.picture(kind), height=9, width=6).tobytes() for kind in ("JPEG", "PNG", "WEBP")]
    read = checkpoints.read(inputs.checkpoint(folder / "epoch-001"))
    rows = Store.open(str(inputs.store(folder / "store"))).table("train", ["id", "poster"]).to_pydict()
    return found.genres, found.table["id"].to_pylist(), pixels, read, rows


def main() -> None:
    """Run the cases of the command line; exit with 1 if one has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    found: Counter[str] = Counter()
    for kind, number, fault in faults(told.cases, told.seed):
        found[kind] += 1
        print(f"{kind} {number}: {fault}\n")
    print(f"{told.cases} cases, {found.total()} faults: {dict(found)}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
