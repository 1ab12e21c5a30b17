"""JSON that jobs have written, of which one value is another one."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from genre_models import checkpoint as checkpoints
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.predictors.find import LATEST, evaluated_models, find_model, require_sound, variants_below
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from genre_models.predictors.load import folder_info, load_folder
from ray_jobs.inference.work_folder import Plan, WorkFolder
from ray_jobs.runs.overview import runs_below
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.study_files import ABLATIONS, SWEEPS, studies_below
from ray_jobs.runs.sweep_folder import SweepFolder
from tests.hostile import inputs

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2**40, 0.5, -1e308, float("nan"), float("inf")),
    *("", "nosuch", "\0", "../..", "/etc/passwd", "s3://nowhere/x", [], [1], [[]], {}, {"a": 1}, [{"a": []}]),
)


def written(folder: Path) -> None:
    """Write a run, a sweep, an ablation, models and an unfinished prediction."""
    inputs.sweep(folder)
    inputs.checkpoint(folder / "run" / "epoch-001")
    RunFolder(str(folder), "run").write_options({"kind": "lstm", "recipe": {"epochs": 3}, "metric": "validation_loss"})
    head = {
        "format": 1,
        "kind": "lstm",
        "preset": "best",
        "store": {"fingerprint": "f"},
        "path": "/x",
        "created": "now",
    }
    trial = {"number": 1, "status": "finished", "settings": {"batch_size": 32}, "checkpoint": "/x/trial-001/epoch-001"}
    runs = [{"path": "/x/trial-001", "status": "finished"}]
    variant = {"name": "best", "group": "without", "settings": {}, "runs": runs}
    for name, values in (("sweep", {"trials": [trial]}), ("ablation", {"variants": [variant]})):
        (folder / "sweep" / f"{name}.json").write_text(json.dumps(head | values))
    model = TfidfBaseline(["a spaceship", "a wedding"], np.array([[1, 0], [0, 1]]))
    genres, thresholds = ("Drama", "Comedy"), np.array([0.5, 0.5])
    about = ModelFolder("tfidf", "TF-IDF", genres, thresholds, {"fingerprint": "f"})
    write_tfidf(folder / "report" / "tfidf", about, model.weights)
    mean = ModelFolder("mean", "Mean", genres, thresholds, {}, None, {"a": "members/a"})
    write_combination(folder / "report" / "mean", mean, {"a": folder / "report" / "tfidf"})
    (folder / LATEST).write_text(json.dumps({"ensemble": "report/mean", "tfidf": "report/tfidf"}))
    work = WorkFolder(str(folder / ".work"))
    plan = Plan("/films", "f", {"/model": "a"}, 3, 1, (("tt1", 2, "row malformed", "why"),)).__dict__
    Path(work.path).mkdir()
    (Path(work.path) / "plan.json").write_text(json.dumps(plan))


def changed(values: Any, draw: random.Random) -> Any:
    """Return JSON of which one value, at any depth, is another one or is missing."""
    if isinstance(values, dict) and values and draw.random() < 0.8:
        key = draw.choice(sorted(values))
        if draw.random() < 0.2:
            return {name: value for name, value in values.items() if name != key}
        return {**values, key: changed(values[key], draw)}
    if isinstance(values, list) and values and draw.random() < 0.7:
        place = draw.randrange(len(values))
        return [*values[:place], changed(values[place], draw), *values[place + 1 :]]
    return draw.choice(VALUES)


def read(folder: Path, of: str) -> None:
    """Read what a job reads of the changed file `of`."""
    runs, name = str(folder), Path(of).name
    if name in ("run.json", "trial.json"):
        sweep = SweepFolder(runs, Path(of).parts[0])
        sweep.options()
        sweep.earlier(lambda _: False)
    elif name == "checkpoint.json":
        run = RunFolder(runs, "run")
        run.best("validation_loss")
        run.last()
        place = find_model(f"{runs}/run", tell=lambda _: None)
        require_sound(place)
        checkpoints.read(Path(place))
    elif name == "model.json":
        folder_info(folder / Path(of).parent)
        load_folder(folder / Path(of).parent)
    elif name == "plan.json":
        WorkFolder(str(folder / ".work")).plan()
    studies_below(runs, SWEEPS)
    studies_below(runs, ABLATIONS)
    variants_below(runs)
    evaluated_models(runs)
    runs_below(runs)
    find_model(runs, tell=lambda _: None)


def case(draw: random.Random, folder: Path) -> None:
    """Change a value in one of the files, and read it."""
    written(folder)
    paths = sorted(path for path in folder.rglob("*.json") if path.name not in ("lease.json",))
    path = draw.choice(paths)
    path.write_text(json.dumps(changed(json.loads(path.read_text()), draw)))
    read(folder, path.relative_to(folder).as_posix())
