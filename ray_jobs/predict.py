"""Prediction of the genres of films without labels, by trained models.

    python ray_jobs/predict.py --model RUNS --films PATH --out FOLDER
    python ray_jobs/predict.py --model REPORT/models/ensemble --poster alien.jpg --overview "A crew wakes up."

The first writes predictions.csv (id, a probability for each genre, the genres beyond their thresholds, the three most
probable), rejects.csv (films that cannot be predicted, with the reason) and predictions.html (a page to look through).
The second prints bars, with --explain also why. A thousand films took 35 s on 2 busy cores, most of it for starting.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass

from datasets.raw.columns import Choices
from datasets.raw.posters import MAX_PIXELS, MOST_PIXELS
from genre_models.predictors.find import find_model
from genre_models.predictors.load import read_info
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import Placement, at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.inference.one_film import predict_one


@dataclass(frozen=True)
class Options(Placement):
    """Options of a prediction: models, films and outputs."""

    model: tuple[str, ...] = (at_home("runs"),)
    """Checkpoint, run (its best checkpoint), folder of runs (the ensemble of their last evaluation, or their best
    checkpoint), or a model that evaluate.py wrote. Of several the mean of the probabilities is predicted."""
    films: str = ""
    """Folder, table or archive of films in any layout that prepare_data.py reads, local or by URI; or a folder of
    posters alone. Genres are not needed."""
    out: str = at_home("predictions")
    """Folder of the results, or path of their table (.csv or .parquet)."""
    poster: str = ""
    """Poster file of a single film, whose genres are printed."""
    overview: str = ""
    """Overview of a single film."""
    id_column: str = ""
    """Column of the films' ids; by default as for prepare_data.py. Films without one are numbered by their rows."""
    overview_column: str = ""
    """Column of the overviews; by default as for prepare_data.py."""
    poster_column: str = ""
    """Column of the poster files' paths or names; by default as for prepare_data.py."""
    max_poster_pixels: int = MAX_PIXELS
    """Posters with more pixels than this are not decoded."""
    resume: bool = False
    """Go on with a prediction that was interrupted, of the same films by the same models."""
    overwrite: bool = False
    """Replace existing results, finished or not."""
    explain: bool = False
    """Explain predictions: the words and the regions of the poster that speak for the genres. The page explains the
    most probable genre of its first films; of a single film heat maps are written where --out is given."""

    def __post_init__(self) -> None:
        self.require_one_gpu()
        if self.resume and self.overwrite:
            raise ValueError("--resume goes on with what --overwrite would remove: take one of them")
        if not 0 < self.max_poster_pixels <= MOST_PIXELS:
            raise ValueError(f"--max-poster-pixels must be 1 to {MOST_PIXELS}, not {self.max_poster_pixels}")


def main(options: Options) -> None:
    """Predict a single film in this process, or many with Ray Data."""
    if bool(options.films) == bool(options.poster or options.overview):
        raise TrainError("give --films, or a single film's --poster, --overview or both")
    console = Console()
    models = [find_model(path, tell=console.once) for path in options.model]
    if not options.films:
        out = options.out if options.out != Options.out else ""
        predict_one(models, options.poster, options.overview, console, explain=options.explain, out=out)
        return
    # Imported here: a single film needs no Ray.
    from ray_jobs.inference.predict_films import Request, predict_films

    request = Request(
        options.films,
        tuple(models),
        read_info(*models),
        options.out,
        max_pixels=options.max_poster_pixels,
        columns=Choices(options.id_column, options.overview_column, poster=options.poster_column),
        resume=options.resume,
        overwrite=options.overwrite,
        gpus=options.gpus,
        explain=options.explain,
    )
    predict_films(request, console)


if __name__ == "__main__":
    run_job(main, Options)
