"""Prediction of many films: begun or resumed, predicted in parts, and written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions, read_films
from datasets.raw.rejects import FilmsError
from datasets.storage import files
from genre_models.predictors.predictor import ModelInfo
from ray_jobs.cli.console import Console, Countdown, counted, duration
from ray_jobs.cli.errors import TrainError
from ray_jobs.cluster import resources
from ray_jobs.inference.predict_parts import films_a_part, predict_parts
from ray_jobs.inference.results import Outputs, Summary, write_results
from ray_jobs.inference.work_folder import Plan, WorkFolder, model_digests
from ray_jobs.inputs.store_setup import tell


@dataclass(frozen=True)
class Request:
    """The films to predict, the models, and the place for the results."""

    films: str
    models: tuple[str, ...]
    info: ModelInfo
    """Of the models together."""
    out: str
    max_pixels: int
    columns: Choices = field(default_factory=Choices)
    resume: bool = False
    overwrite: bool = False
    gpus: float = 0.0
    """GPUs of each process, one at most."""
    explain: bool = False
    """Whether the page explains its first films."""


def predict_films(request: Request, console: Console) -> Summary | None:
    """Predict films with Ray Data and write the results; None if a resumed prediction was complete already.

    Raises:
        FilmsError: there are no films, or they cannot be read.
        TrainError: there are results already, or what is to be resumed is something else.
    """
    outputs = Outputs.at(request.out)
    work, timer = WorkFolder(outputs.work), Countdown()
    plan = _unfinished(request, outputs, work, console)
    if plan is None and request.resume and files.exists(outputs.table):
        console.line(f"Nothing to go on with: {outputs.table} is complete")
        return None
    plan = plan or _begun(request, work, console)
    console.line(f"{counted(plan.count, 'film')}, predicted by {request.info.label}")
    done = work.done()
    left = [part for part in range(plan.parts) if part not in done]
    if left:
        resources.connect(console)
        total = math.ceil(plan.count * len(left) / plan.parts)
        console.status(f"loading the model for {counted(total, 'film')}")
        predict_parts(
            work,
            left,
            request.models,
            source=plan.films,
            films=total,
            max_pixels=request.max_pixels,
            gpus=request.gpus,
            explain=plan.explain,
            progress=lambda films: console.status(f"predicting: {films:,} of {total:,}{timer.left(films, total)}"),
        )
    console.status("writing the results")
    summary = write_results(work, plan, request.info, outputs)
    _report(summary, outputs, timer, console)
    return summary


def _unfinished(request: Request, outputs: Outputs, work: WorkFolder, console: Console) -> Plan | None:
    """Return the plan to go on with; None to begin."""
    if request.overwrite:
        return None
    plan = work.plan()
    if not request.resume:
        if files.exists(outputs.table):
            raise TrainError(f"{outputs.table} exists and is kept: take another --out, or replace it by --overwrite")
        if plan is not None:
            raise TrainError(
                f"a prediction into {request.out} is unfinished: go on with it by --resume, or begin again by "
                "--overwrite"
            )
        return None
    if plan is None:
        return None
    if plan.models != model_digests(request.models):
        raise TrainError(f"the unfinished prediction is by {', '.join(plan.models)}: name the same --model, unchanged")
    films = read_films(request.films, ReadOptions(request.columns, labelled=False))
    if (plan.films, plan.fingerprint) != (files.absolute(request.films), films.fingerprint):
        raise TrainError(f"the unfinished prediction is of {plan.films} as it was then: begin again by --overwrite")
    if plan.explain != request.explain:
        had = "with" if plan.explain else "without"
        raise TrainError(f"the unfinished prediction was begun {had} --explain: go on {had} it")
    console.line(f"Going on: {len(work.done())} of {plan.parts} parts are predicted")
    return plan


def _begun(request: Request, work: WorkFolder, console: Console) -> Plan:
    console.status("reading the films")
    work.remove()
    films = read_films(request.films, ReadOptions(request.columns, labelled=False), spill=work.pictures)
    tell(films, console)
    poster_bytes = sum(height * width * 3 for height, width in request.info.poster_sizes)
    if not len(films.table):
        work.remove()
        first = next(iter(films.rejects), None)
        why = f": {len(films.rejects):,} rows cannot be read; {first.row}: {first.detail}" if first else ""
        raise FilmsError(f"{request.films} holds no film{why}")
    return work.begin(
        request.films,
        films,
        model_digests(request.models),
        films_a_part=films_a_part(poster_bytes),
        explain=request.explain,
    )


def _report(summary: Summary, outputs: Outputs, timer: Countdown, console: Console) -> None:
    console.line(f"{counted(summary.films, 'film')} predicted in {duration(timer.elapsed)}: {outputs.table}")
    if summary.problems:
        console.line(f"{counted(summary.problems, 'film')} had an unusable poster and were predicted without it")
    if summary.rejects:
        console.line(f"{counted(summary.rejects.total(), 'film')} set aside, listed in {outputs.rejects}:")
        for reason, number in summary.rejects.most_common():
            console.line(f"  {number:>6,}  {reason}")
    console.line(f"Page: {outputs.page}")
