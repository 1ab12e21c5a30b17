"""Models, training, metrics and pages, without Ray.

>>> import genre_models as gm
>>> model = gm.load("~/film-genres/runs")
>>> model.predict(posters=["alien.jpg"], overviews=["A crew wakes up far from home."])
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genre_models.predictors.model import Model


def load(*paths: str | Path, metric: str = "") -> Model:
    """Load a trained model, which predicts the genres of films. This imports TensorFlow, but no Ray.

    Args:
        paths: path or URI of a checkpoint; of a training run (its best checkpoint); of a folder of runs (the ensemble
            of their last evaluation or, if there is none, the best checkpoint); or of an ensemble or a TF-IDF model
            that `evaluate.py` wrote. Of several models the mean of the probabilities is predicted.
        metric: "validation_loss" or "validation_mean_average_precision", which selects the best checkpoint; by default
            the one that the run was trained for.

    Raises:
        CheckpointError: there is no model, it is not a whole one, or needs an encoder that is not installed.
    """
    from genre_models.predictors import model

    return model.load(*paths, metric=metric)
