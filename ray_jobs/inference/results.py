"""The results of a prediction: a table of all films, a table of those set aside, and a page."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from datasets.raw.films_folder import find_folder
from datasets.raw.posters import PosterError, thumbnail_jpeg
from datasets.raw.rejects import safe_cell
from datasets.storage import atomic, files
from datasets.storage.file_sets import files_into
from datasets.tables.sources import read_bytes
from genre_models.metrics.classification import top3
from genre_models.predictors.predictor import ModelInfo
from genre_models.report.prediction.page import MOST_FILMS, MOST_POSTERS, prediction_page
from ray_jobs.cli.errors import TrainError
from ray_jobs.inference.explanations import heat_jpeg
from ray_jobs.inference.work_folder import Plan, WorkFolder

_FORMATS = (".csv", ".parquet")
_BARS = 5  # of each film on the page
_BETWEEN = "|"


@dataclass(frozen=True)
class Outputs:
    """The paths of a prediction's files."""

    table: str
    rejects: str
    page: str
    work: str
    """The unfinished work, hidden beside them."""

    @classmethod
    def at(cls, path: str) -> Outputs:
        """Return the paths for `--out`: a folder, or the path of the table (.csv or .parquet)."""
        place = files.absolute(path)
        folder, name = files.parent(place), files.name(place)
        if not name.endswith(_FORMATS):
            if "." in name:
                raise TrainError(f"--out {path}: give a folder, or a table that ends in {' or '.join(_FORMATS)}")
            folder, name = place, "predictions.csv"
        stem = name.rsplit(".", 1)[0]
        rejects = "rejects.csv" if folder == place else f"{stem}.rejects.csv"
        paths = (files.join(folder, one) for one in (name, rejects, f"{stem}.html", f".{stem}.unfinished"))
        return cls(*paths)


@dataclass
class Summary:
    """Counts over all films of a prediction."""

    films: int = 0
    problems: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    chosen: Counter[str] = field(default_factory=Counter)


def write_results(work: WorkFolder, plan: Plan, info: ModelInfo, outputs: Outputs) -> Summary:
    """Write the tables and the page from a finished work folder, then remove it."""
    with _aside(outputs) as aside:
        summary = _write(work, plan, info, aside)
    work.remove()
    return summary


@contextlib.contextmanager
def _aside(outputs: Outputs) -> Iterator[Outputs]:
    """Yield the paths to write to: of a local folder in another one, whose files take their places together."""
    folder = files.parent(outputs.table)
    if not files.is_local(folder):
        yield outputs
        return
    with files_into(folder) as local:
        paths = (outputs.table, outputs.rejects, outputs.page)
        table, rejects, page = (str(local / files.name(path)) for path in paths)
        yield Outputs(table, rejects, page, outputs.work)


def _write(work: WorkFolder, plan: Plan, info: ModelInfo, outputs: Outputs) -> Summary:
    explanations = work.explanations()
    summary = Summary(chosen=Counter(dict.fromkeys(info.genres, 0)))
    shown: list[dict[str, Any]] = []
    read_poster = functools.partial(read_bytes, find_folder(plan.films)[0])
    rejects: list[Sequence[Any]] = list(plan.malformed)
    summary.rejects.update(row[2] for row in plan.malformed)
    with _table_writer(outputs.table, info) as write:
        for part in range(plan.parts):
            scored = work.scores(part)
            reasons = np.array(scored["reason"].to_pylist(), object)
            good = np.flatnonzero(reasons == "")
            predicted = scored.take(pa.array(good))
            chosen = _chosen(predicted, info)
            write(predicted, chosen)
            summary.films += len(predicted)
            summary.problems += sum(map(bool, predicted["problem"].to_pylist()))
            summary.chosen.update(genre for genres in chosen for genre in genres)
            left = scored.take(pa.array(np.flatnonzero(reasons != "")))
            summary.rejects.update(left["reason"].to_pylist())
            rejects += zip(*(left[name].to_pylist() for name in ("id", "row", "reason", "problem")), strict=True)
            if len(shown) < MOST_FILMS:
                rows = work.rows(part).take(pa.array(good))
                whys = [explanations.get(film) if part == 0 else None for film in good.tolist()]
                shown += _shown(rows, predicted, chosen, info, len(shown), read_poster, whys)
    _write_rejects(outputs.rejects, rejects)
    page = prediction_page(_prediction(plan, info, outputs, summary, shown))
    atomic.write_text(outputs.page, page.encode("utf-8", "replace").decode())
    return summary


def _scores(predicted: pa.Table, info: ModelInfo) -> np.ndarray:
    """Return float32 [films, genres]."""
    column = predicted["scores"].combine_chunks()
    values = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
    if not len(values):
        return np.empty((0, len(info.genres)), np.float32)
    return values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), len(info.genres))


def _chosen(predicted: pa.Table, info: ModelInfo) -> list[list[str]]:
    """Return each film's genres at the tuned thresholds, most probable first."""
    scores = _scores(predicted, info)
    beyond = scores >= info.thresholds
    order = np.argsort(-scores, axis=1, kind="stable")
    return [[info.genres[g] for g in ranked if there[g]] for ranked, there in zip(order, beyond, strict=True)]


@contextlib.contextmanager
def _table_writer(path: str, info: ModelInfo) -> Iterator[Any]:
    """Yield a function that appends films to the table, published after the block."""
    is_csv = path.endswith(".csv")
    texts = pa.string() if is_csv else pa.list_(pa.string())
    schema = pa.schema(
        [
            ("id", pa.string()),
            *((genre, pa.float32()) for genre in info.genres),
            ("genres", texts),
            ("top3", texts),
            ("inputs", pa.string()),
            ("problem", pa.string()),
        ]
    )
    with atomic.new_file(path) as stream:
        sink = pacsv.CSVWriter(stream, schema) if is_csv else pq.ParquetWriter(stream, schema)

        def write(predicted: pa.Table, chosen: Sequence[Sequence[str]]) -> None:
            scores = _scores(predicted, info)
            best = [[info.genres[g] for g in row] for row in top3(scores).tolist()]
            lists = [[_BETWEEN.join(row) for row in rows] if is_csv else rows for rows in (chosen, best)]
            columns = [predicted["id"], *(pa.array(scores[:, g]) for g in range(len(info.genres)))]
            columns += [pa.array(rows, texts) for rows in lists] + [predicted["inputs"], predicted["problem"]]
            sink.write_table(pa.table(columns, schema=schema))

        with contextlib.closing(sink):
            yield write


def _write_rejects(path: str, rejects: Sequence[Sequence[Any]]) -> None:
    """Write the films set aside: id, row, reason, detail."""
    names = {"id": pa.string(), "row": pa.int64(), "reason": pa.string(), "detail": pa.string()}
    rows = [(safe_cell(film), row, reason, safe_cell(detail)) for film, row, reason, detail in rejects]
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(names.values())]
    with atomic.new_file(path) as stream:
        pacsv.write_csv(pa.table(columns, schema=pa.schema(names)), stream)


def _shown(
    rows: pa.Table,
    predicted: pa.Table,
    chosen: Sequence[list[str]],
    info: ModelInfo,
    already: int,
    read_poster: Callable[[str], bytes],
    whys: Sequence[dict[str, Any] | None],
) -> list[dict[str, Any]]:
    """Return films for the page, up to its limit; the first ones with posters."""
    scores = _scores(predicted, info)
    films = []
    for film in range(min(len(predicted), MOST_FILMS - already)):
        best = np.argsort(-scores[film], kind="stable")[:_BARS].tolist()
        problem = predicted["problem"][film].as_py()
        path = rows["poster"][film].as_py() if already + film < MOST_POSTERS and not problem else None
        poster = _thumbnail(path, read_poster) if path else None
        films.append(
            {
                "id": predicted["id"][film].as_py(),
                "overview": rows["overview"][film].as_py(),
                "poster_jpeg": _base64(poster),
                "top": [[info.genres[g], float(scores[film, g])] for g in best],
                "chosen": chosen[film],
                "note": problem,
                "why": _why(whys[film], poster),
            }
        )
    return films


def _thumbnail(path: str, read_poster: Callable[[str], bytes]) -> bytes | None:
    with contextlib.suppress(OSError, PosterError):
        return thumbnail_jpeg(read_poster(path))
    return None


def _base64(data: bytes | None) -> str | None:
    return base64.b64encode(data).decode("ascii") if data else None


def _why(plain: dict[str, Any] | None, poster: bytes | None) -> dict[str, Any] | None:
    """Return a film's explanation as the page takes it."""
    if plain is None:
        return None
    heat = heat_jpeg(plain, poster) if poster else None
    return {key: plain[key] for key in ("genre", "words", "poster_share")} | {"heat_jpeg": _base64(heat)}


def _prediction(
    plan: Plan, info: ModelInfo, outputs: Outputs, summary: Summary, shown: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "model": info.label,
        "paths": list(plan.models),
        "genres": list(info.genres),
        "thresholds": info.thresholds.tolist(),
        "films": summary.films,
        "rejects": dict(summary.rejects.most_common()),
        "problems": summary.problems,
        "counts": dict(summary.chosen),
        "files": [files.name(path) for path in (outputs.table, outputs.rejects)],
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "shown": shown,
    }
