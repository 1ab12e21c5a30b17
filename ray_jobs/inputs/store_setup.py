"""Creation of film stores, by the preparation job or on demand from the synthetic sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import FilmsError
from datasets.raw.report import first_films
from datasets.sample.films import write_sample
from datasets.storage import files
from datasets.store.film_store import MANIFEST, Manifest, Store, StoreError, is_store
from datasets.store.prepare import Preparation, Progress, prepare
from datasets.text.pretrained_tokenizer import WordPiece
from genre_models.encoders.minilm import minilm_folder
from genre_models.models.registry import ModelSpec
from ray_jobs.cli.console import Console, Countdown, counted, duration
from ray_jobs.cli.options import at_home
from ray_jobs.cli.places import check_new_store

SAMPLE = "sample"
SAMPLE_FILMS = 1_200


def open_store(path: str, console: Console) -> Store:
    """Open a store. If the default store is missing, create it from the synthetic sample first."""
    if path == at_home("store") and not files.exists(files.join(path, "manifest.json")):
        console.line(f"No film store at {path} yet: drawing the sample (ray_jobs/prepare_data.py takes your own films)")
        folder = sample_folder(path, films=SAMPLE_FILMS, seed=0, console=console)
        make_store(folder, path, Preparation(), console, overwrite=False)
    return Store.open(path)


def films_for(kinds: Iterable[ModelSpec], store: Store) -> Store:
    """Return a view of the films that models of all these kinds can read.

    A film that lacks a poster or an overview is read by joint models and by those that need the other one.

    Raises:
        StoreError: a model reads posters or overviews, and no film has any.
    """
    needs: list[str] = []
    for kind in kinds:
        reads = kind.inputs(kind.config_class()).sources
        for name in reads:
            if not store.has(name):
                other = {"poster": "train_lstm.py reads overviews", "overview": "train_cnn.py reads posters"}[name]
                raise StoreError(f"{store.path} holds no {name}s, which the {kind.label} reads: {other} alone")
        needs += reads if len(reads) == 1 else []
    return store.having(*sorted(set(needs)))


def sample_folder(store: str, *, films: int, seed: int, console: Console) -> str:
    """Generate the sample in a folder next to the store, unless it exists; return the folder."""
    if not files.is_local(store):
        raise FilmsError(f"the sample is drawn into a local folder, not beside {store}: give a local --store")
    folder = f"{files.absolute(store)}-sample-{films}-seed-{seed}"
    if Path(folder).exists():
        return folder
    timer = Countdown()
    write_sample(
        folder,
        films=films,
        seed=seed,
        progress=lambda done: console.status(f"drawing the sample: {done:,} of {films:,}{timer.left(done, films)}"),
    )
    console.line(f"Drew {films:,} sample films in {duration(timer.elapsed)}: {folder}")
    return folder


def make_store(folder: str, path: str, how: Preparation, console: Console, *, overwrite: bool) -> Manifest:
    """Prepare a folder of films into a store; print progress and a summary.

    Raises:
        StoreError: the store exists and `overwrite` is false, or the path holds something else.
        FilmsError: the films cannot be used.
    """
    require_place(path, overwrite=overwrite)
    timer = Countdown()
    manifest = prepare(folder, path, how, show_progress(console), lambda films: tell(films, console))
    for line in summary(manifest):
        console.line(line)
    console.line(f"Store: {files.absolute(path)} ({duration(timer.elapsed)})")
    return manifest


def tell(films: FilmList, console: Console) -> None:
    """Print how films were read, and warnings about their overviews."""
    for line in films.understood:
        console.line(line)
    for warning in films.warnings:
        console.line(f"Warning: {warning}")


def unknown_share() -> Callable[[Sequence[str]], float] | None:
    """Return the pretrained tokenizer's share of unknown pieces, if it is installed."""
    try:
        return WordPiece(minilm_folder()).unknown_share
    except (ImportError, OSError, ValueError):
        return None


def dry_run(folder: str, how: ReadOptions, console: Console) -> None:
    """Read films without making a store; print how they were read, and the first ones.

    Raises:
        FilmsError: the films cannot be used.
    """
    films = read_films(folder, how)
    tell(films, console)
    first = " The first ones:" if len(films.table) else ""
    console.line(f"{counted(len(films.table), 'film') if first else 'No film'} can be used.{first}")
    for line in first_films(films.table, films.genres):
        console.line(line)
    counts = Counter(reject.reason for reject in films.rejects)
    for reason, count in counts.most_common():
        example = next(reject for reject in films.rejects if reject.reason == reason)
        console.line(f"  {count:>6,}  {reason}; row {example.row}, id {example.id!r}: {example.detail}")
    if films.repeats:
        console.line(f"{counted(films.repeats, 'repeated row')} dropped")
    console.line("No store was made: leave --dry-run out to make it")


def require_place(path: str, *, overwrite: bool) -> None:
    """Check that a new store would not overwrite anything that must be kept.

    Raises:
        StoreError: as `make_store`.
    """
    check_new_store(path)
    there = is_store(path)
    if not there and not files.is_empty(path):
        has = files.exists(files.join(path, MANIFEST))
        why = "its manifest.json is not that of one, or is damaged" if has else "it has no manifest.json"
        raise StoreError(
            f"{path} is no film store ({why}), but there is something: it is kept, whatever it is. "
            "Take another --store, or remove it yourself"
        )
    if there and not overwrite:
        raise StoreError(
            f"{path} exists and is kept: use it as it is, take another --store, or replace it with --overwrite"
        )


def show_progress(console: Console) -> Progress:
    """Return a callback that prints a preparation's progress."""
    timers: dict[str, Countdown] = {}

    def progress(step: str, done: int, films: int) -> None:
        timer = timers.setdefault(step, Countdown())
        console.status(f"{step}: {done:,} of {films:,}{timer.left(done, films)}")

    return progress


def summary(manifest: Manifest) -> list[str]:
    """Return lines on a store's films and rejects."""
    counts = manifest.films
    lines = [
        f"{sum(counts.values()):,} films: {counts['train']:,} to train, "
        f"{counts['validation']:,} to validate, {counts['test']:,} to test"
    ]
    for name, having in manifest.having.items():
        number = sum(having["films"].values())
        article = "a" if name == "poster" else "an"
        if name != "both" and not number:
            job = "train_lstm.py" if name == "poster" else "train_cnn.py"
            lines.append(f"None of them has {article} {name}: they are for {job} alone")
        elif name != "both" and number < sum(counts.values()):
            lines.append(f"{number:,} of them {'has' if number == 1 else 'have'} {article} {name}")
    if "train_share" in manifest.split:
        lines.append(f"{manifest.split['train_share']:g} of the training films kept; the others are in no split")
    rejects = manifest.source["rejects"]
    if rejects:
        lines.append(f"{sum(rejects.values()):,} rejected, listed in rejects.csv of the store:")
        lines += [f"  {count:>6,}  {reason}" for reason, count in rejects.items()]
    if manifest.source["repeats"]:
        lines.append(f"{counted(manifest.source['repeats'], 'repeated row')} dropped")
    unseen = [genre for genre in manifest.genres if not any(films[genre] for films in manifest.genre_films.values())]
    if unseen:
        lines.append(f"No film has the genre {', '.join(unseen)}; the models keep an output for it")
    return lines
