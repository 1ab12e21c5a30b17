"""Preparation of a film store: films are read, checked, decoded and split once for all later jobs.

    python ray_jobs/prepare_data.py --films FOLDER --store DIR
    python ray_jobs/prepare_data.py --films sample

FOLDER holds IMDB_overview_genres.csv (Id, Genre, Overview, one 0/1 column a genre) and Images/<Id>.jpg. Films that
cannot be used are rejected with a reason in the store's rejects.csv. About 5,000 posters take some 10 s on 2 cores.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.raw.posters import MAX_PIXELS, MOST_PIXELS
from datasets.store.prepare import Preparation
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.cluster import resources
from ray_jobs.inputs.store_setup import SAMPLE, SAMPLE_FILMS, make_store, require_place, sample_folder


@dataclass(frozen=True)
class Options:
    """Options of a film store's preparation."""

    films: str = SAMPLE
    """Folder or URI of the films, or "sample" for a synthetic sample."""
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


def main(options: Options) -> None:
    """Generate the sample if requested, and create the store."""
    console = Console()
    require_place(options.store, overwrite=options.overwrite)
    resources.connect(console)
    folder = options.films
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
    )
    make_store(folder, options.store, preparation, console, overwrite=options.overwrite)


if __name__ == "__main__":
    run_job(main, Options)
