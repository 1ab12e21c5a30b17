"""No threshold and no ensemble hangs on the genres of the films that it is evaluated on."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genre_models.metrics.comparison import EvaluatedModel
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.baselines import score_baselines
from ray_jobs.evaluation.ensemble import build_ensemble
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.scoring import Evaluation, Scored, average_runs

FILMS, GENRES = 60, ("Drama", "Horror")
RNG = np.random.default_rng(0)
LABELS = {split: (RNG.random((FILMS, 2)) < 0.4).astype(np.float32) for split in ("train", "validation", "test")}
OVERVIEWS = {split: [("ghost " if film[1] else "wedding ") * 3 for film in labels] for split, labels in LABELS.items()}


def model_of(key: str, seed: int) -> EvaluatedModel:
    """A model that is often right, on validation and on test films."""
    rng = np.random.default_rng(seed)
    scores = {split: 0.6 * rng.random((FILMS, 2)) + 0.4 * LABELS[split] for split in ("validation", "test")}
    entries: dict[str, Any] = {"label": key, "what": key, "parameters": 1, "seconds": 0.0, "epoch": 1, "epochs": 1}
    return EvaluatedModel(
        key, scores["test"], np.full(2, 0.5), {**entries, "recipe": {"seed": seed}}, scores["validation"]
    )


class _Films:
    """A store of which only the named labels are known."""

    manifest = SimpleNamespace(genres=GENRES)

    def __init__(self, labels: dict[str, np.ndarray]) -> None:
        self._labels = labels

    def labels(self, split: str) -> np.ndarray:
        assert split != "test", "the test films' genres are only for judging"
        return self._labels[split]

    def table(self, split: str, _: list[str]) -> dict[str, Any]:
        return {"overview": SimpleNamespace(to_pylist=lambda: OVERVIEWS[split])}

    def has(self, _: str) -> bool:
        return True


def thresholds(labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Thresholds of everything that `evaluate.py` tunes, where films have these genres."""
    store: Any = _Films({split: labels[split] for split in ("train", "validation")})
    eval_set = EvalSet(store, labels["test"], [str(film) for film in range(FILMS)], OVERVIEWS["test"], "here", {})
    console = Console(io.StringIO())
    evaluation = Evaluation(store, eval_set, console, 0, 100, 0)
    candidate: Any = SimpleNamespace(
        checkpoint=SimpleNamespace(metrics=SimpleNamespace(validation_loss=0.2)), path="runs/a/epoch-001", run="a"
    )
    runs = [Scored(candidate, model_of("lstm", seed)) for seed in (1, 2)]
    baselines, _ = score_baselines(store, eval_set, console)
    mean = average_runs(runs, evaluation)
    ensemble = build_ensemble([mean, model_of("cnn", 3)], baselines, store, console, seed=0)
    return {model.key: model.thresholds for model in (mean, ensemble, *baselines)}


@pytest.mark.parametrize(("split", "same"), [("test", True), ("validation", False)])
def test_thresholds_are_of_the_validation_films_alone(split: str, same: bool) -> None:
    before = thresholds(LABELS)
    after = thresholds({**LABELS, split: 1 - LABELS[split]})
    assert before.keys() == after.keys() == {"lstm", "ensemble", "prior", "tfidf"}
    assert {key: np.array_equal(before[key], after[key]) for key in before} == dict.fromkeys(before, same)
