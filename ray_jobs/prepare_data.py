"""Preparation of a film store: films are read, checked, decoded and split once for all later jobs.

    python ray_jobs/prepare_data.py --films PATH --dry-run
    python ray_jobs/prepare_data.py --films PATH --store DIR
    python ray_jobs/prepare_data.py --films sample

PATH is a folder, a table (CSV, JSON, Parquet, Arrow) or a ZIP, with posters in Images/, posters/ or beside the table;
docs/films.md has a command for each public layout. The job says how it read the films; --dry-run ends there. Films that
cannot be used are rejected with a reason in the store's rejects.csv. About 5,000 posters take some 10 s on 2 cores.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass
from typing import Annotated

import tyro

from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions
from datasets.raw.genres import GenreOptions, read_renames
from datasets.raw.posters import MAX_PIXELS, MOST_PIXELS
from datasets.raw.rejects import FilmsError
from datasets.store.prepare import Preparation
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.cluster import resources
from ray_jobs.inputs.store_setup import (
    SAMPLE,
    SAMPLE_FILMS,
    dry_run,
    make_store,
    require_place,
    sample_folder,
    unknown_share,
)

_YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}


def _yes_or_no(values: list[str]) -> bool:
    if len(values) > 1 or (values and values[0].lower() not in _YES_OR_NO):
        raise ValueError("give yes or no")
    return not values or _YES_OR_NO[values[0].lower()]


# A flag that may be followed by yes or no, and is undecided where it is left out.
_Flag = tyro.constructors.PrimitiveConstructorSpec(
    nargs="*",
    metavar="[{yes,no}]",
    instance_from_str=_yes_or_no,
    is_instance=lambda value: value is None or isinstance(value, bool),
    str_from_instance=lambda value: [] if value is None else ["yes" if value else "no"],
)


@dataclass(frozen=True)
class Options:
    """Options of a film store's preparation."""

    films: str = SAMPLE
    """Folder, table or archive of the films, local or by URI; or "sample" for a synthetic sample."""
    store: str = at_home("store")
    """Folder or URI of the store to create."""
    sample_films: int = SAMPLE_FILMS
    """Number of films in the synthetic sample."""
    seed: int = 0
    """Seed of the split, the order of the films and the synthetic sample."""
    height: int = 64
    """Height in pixels to which posters are resized."""
    width: int = 64
    """Width in pixels to which posters are resized."""
    validation_share: float = 0.1
    """Share of the films in the validation split, which selects epochs and thresholds."""
    test_share: float = 0.2
    """Share of the films in the test split, which serves evaluation alone."""
    train_share: float = 1.0
    """Share of the training films to keep, for a learning curve. Validation and test films stay the same, and a smaller
    share is a subset of a larger one."""
    max_rejects: float = 0.05
    """Largest share of the films that may be rejected before the job fails."""
    max_poster_pixels: int = MAX_PIXELS
    """Posters with more pixels than this are rejected without being decoded."""
    id_column: str = ""
    """Column of the films' ids; by default id, imdb_id, imdbId, tmdbId or movieId in any case. "row" numbers
    the films."""
    overview_column: str = ""
    """Column of the overviews; by default overview, plot, description or summary."""
    genre_column: str = ""
    """Column that lists each film's genres; by default genres, genre or listed_in, or else every column that holds only
    0 and 1 (True and False, yes and no, blank for 0) is a genre."""
    poster_column: str = ""
    """Column of the poster files' paths or names; by default poster, poster_path or image. Posters named as the id need
    none."""
    genres: str = ""
    """Genres to keep, separated by commas; by default all."""
    rename_genres: str = ""
    """File of new names for genres: a JSON object, or a CSV with an old and a new name on each line. Genres of one new
    name become one; an empty new name drops a genre."""
    min_films_per_genre: int = 0
    """Genres of fewer films are dropped, or folded into --rare-genre."""
    rare_genre: str = ""
    """Name of a genre that takes the place of all rare ones."""
    allow_missing: Annotated[bool | None, _Flag] = None
    """Keep films that lack a poster or an overview, for models that need the other one. By default they are kept if
    fewer than half lack it, and set aside otherwise."""
    dry_run: bool = False
    """Say how the films are read and show the first ones, without making a store."""
    overwrite: bool = False
    """Replace an existing store."""

    def __post_init__(self) -> None:
        shares = (self.validation_share, self.test_share)
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"--validation-share {shares[0]:g} and --test-share {shares[1]:g} must be above 0 "
                "and leave films to train on"
            )
        if min(self.height, self.width) < 1:
            raise ValueError(f"--height {self.height} --width {self.width} must be at least 1 pixel each")
        if not 0 < self.max_poster_pixels <= MOST_PIXELS:
            raise ValueError(f"--max-poster-pixels must be 1 to {MOST_PIXELS}, not {self.max_poster_pixels}")
        if not 0 < self.train_share <= 1:
            raise ValueError(f"--train-share must be above 0 and at most 1, not {self.train_share:g}")
        if self.dry_run and self.films == SAMPLE:
            raise ValueError("--dry-run needs the --films to read")
        if self.min_films_per_genre < 0:
            raise ValueError(f"--min-films-per-genre must not be negative, not {self.min_films_per_genre}")

    @property
    def reading(self) -> ReadOptions:
        """Return the options of reading the films."""
        renames: dict[str, str] = {}
        problems: tuple[str, ...] = ()
        try:
            renames = read_renames(self.rename_genres) if self.rename_genres else {}
        except FilmsError as error:
            problems = (f"{error}.",)
        return ReadOptions(
            columns=Choices(self.id_column, self.overview_column, self.genre_column, self.poster_column),
            genres=GenreOptions(
                only=tuple(name.strip() for name in self.genres.split(",") if name.strip()),
                renames=renames,
                min_films=self.min_films_per_genre,
                rare=self.rare_genre,
            ),
            allow_missing=self.allow_missing,
            problems=problems,
            unknown_share=unknown_share(),
        )


def main(options: Options) -> None:
    """Generate the sample if requested, and create the store."""
    console = Console()
    reading = options.reading
    if options.dry_run:
        dry_run(options.films, reading, console)
        return
    require_place(options.store, overwrite=options.overwrite)
    folder = options.films
    resources.connect(console)
    if folder == SAMPLE:
        folder = sample_folder(options.store, films=options.sample_films, seed=options.seed, console=console)
    preparation = Preparation(
        height=options.height,
        width=options.width,
        shares={
            "train": 1 - options.validation_share - options.test_share,
            "validation": options.validation_share,
            "test": options.test_share,
        },
        train_share=options.train_share,
        seed=options.seed,
        max_rejects=options.max_rejects,
        max_pixels=options.max_poster_pixels,
        read=reading,
    )
    make_store(folder, options.store, preparation, console, overwrite=options.overwrite)


if __name__ == "__main__":
    run_job(main, Options)
