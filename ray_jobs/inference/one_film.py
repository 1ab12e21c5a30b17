"""One film, predicted in this process and shown as bars on screen."""

from __future__ import annotations

from collections.abc import Sequence

import genre_models as gm
from datasets.storage import files
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.inference.explanations import in_words, write_heat

_WIDTH = 40  # characters of a bar of probability 1
_FEWEST, _LEAST = 5, 0.05  # genres shown: these many, and all that are as probable


def predict_one(
    models: Sequence[str], poster: str, overview: str, console: Console, *, explain: bool = False, out: str = ""
) -> None:
    """Predict a film by its poster file, its overview or both, and print its genres.

    Args:
        models: paths of models.
        poster: path of the poster; empty for none.
        overview: text of the overview; empty for none.
        console: prints the result.
        explain: whether to print why, too.
        out: folder for pictures of the poster's regions that speak for the genres; empty for none.

    Raises:
        TrainError: the poster is unusable, or the models need the other input too.
        CheckpointError: there is no model.
    """
    console.status("loading the model")
    with quiet_stderr():
        model = gm.load(*models)
    try:
        film = model.predict([poster or None], [overview or None], ids=["as given"]).iloc[0]
    except ValueError as error:
        raise TrainError(str(error)) from error
    console.line(f"{model.predictor.info.label} ({', '.join(models)})")
    probabilities = dict(zip(model.genres, film.to_list(), strict=True))
    for line in bars(probabilities, dict(zip(model.genres, model.thresholds.to_list(), strict=True))):
        console.line(line)
    if not explain:
        return
    console.status("explaining")
    with quiet_stderr():
        [explanations] = model.explain([poster or None], [overview or None])
    for explanation in explanations:
        for line in in_words(explanation):
            console.line(line)
        if poster and out and (path := write_heat(explanation, poster, files.absolute(out))):
            console.line(f"  heat map: {path}")


def bars(probabilities: dict[str, float], thresholds: dict[str, float]) -> list[str]:
    """Return lines with a bar for each of the most probable genres; a star marks those beyond their threshold."""
    ranked = sorted(probabilities, key=lambda genre: -probabilities[genre])
    shown = [genre for i, genre in enumerate(ranked) if i < _FEWEST or probabilities[genre] >= _LEAST]
    width = max(map(len, shown))
    return [
        f"{'*' if probabilities[genre] >= thresholds[genre] else ' '} {genre:<{width}} "
        f"{'█' * round(_WIDTH * probabilities[genre]):<{_WIDTH}} {probabilities[genre]:>4.0%}"
        for genre in shown
    ]
