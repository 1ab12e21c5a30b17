"""The unfinished work of a prediction: films and their scores in parts, so that a killed job goes on.

plan.json               what is predicted by which models; written last of the films: with it all films are here
rows/part-*.parquet     films of each part: row, id, overview, and poster, its locator on the films' filesystem
pictures/               posters that cannot be read where they are: in the table, or in a compressed tar
scores/part-*.parquet   their scores, written atomically by the actor that predicted them
explanations.json       of the first films of part 0, by their place in it, where they are asked for
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from datasets.raw.films_folder import FilmList
from datasets.storage import atomic, files
from genre_models.checkpoint_files import METADATA
from genre_models.models.option_checks import in_short
from genre_models.predictors.folder import MODEL_FILE
from ray_jobs.cli.errors import TrainError

FORMAT = 2
_PLAN, _EXPLANATIONS = "plan.json", "explanations.json"
_OWN = re.compile(r"plan\.json|explanations\.json|(rows|scores)/part-\d+\.parquet")


@dataclass(frozen=True)
class Plan:
    """The films and the models of a prediction."""

    films: str
    fingerprint: str
    """Of the films' table."""
    models: dict[str, str]
    """SHA-256 of each model's JSON, by its path."""
    count: int = 0
    """Films that are predicted, or set aside with a reason."""
    parts: int = 0
    malformed: tuple[tuple[str, int, str, str], ...] = ()
    """Rows that are no films (id, row, reason, detail)."""
    explain: bool = False
    """Whether the first films are explained."""
    format: int = FORMAT


class WorkFolder:
    """The folder of an unfinished prediction."""

    def __init__(self, path: str) -> None:
        self.path = path

    def plan(self) -> Plan | None:
        """Return the plan; None where not all films are written yet, or nothing was begun."""
        try:
            values = files.parse_json(files.read_text(files.join(self.path, _PLAN)))
            if values["format"] != FORMAT:
                raise TrainError(f"{self.path} was begun by another version: start again with --overwrite")
            plan = Plan(**{**values, "malformed": tuple(tuple(row) for row in values["malformed"])})
            _check(plan)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            where = files.join(self.path, _PLAN)
            raise TrainError(f"{where} is damaged ({in_short(error)}): begin again by --overwrite") from error
        return plan

    @property
    def pictures(self) -> str:
        """Return the folder for posters that cannot be read where they are."""
        return files.join(self.path, "pictures")

    def begin(
        self, path: str, films: FilmList, models: dict[str, str], *, films_a_part: int, explain: bool = False
    ) -> Plan:
        """Write the films of `path` in parts, then the plan; what was there before must be removed first."""
        starts = range(0, len(films.table), films_a_part)
        for part, start in enumerate(starts):
            _write(films.table.slice(start, films_a_part), files.join(self.path, "rows", part_name(part)))
        malformed = tuple((film.id, film.row, film.reason, film.detail) for film in films.rejects)
        plan = Plan(files.absolute(path), films.fingerprint, models, len(films.table), len(starts), malformed, explain)
        atomic.write_text(files.join(self.path, _PLAN), json.dumps(asdict(plan), indent=2, ensure_ascii=False))
        return plan

    def done(self) -> set[int]:
        """Return the numbers of the parts that are predicted."""
        filesystem, inner = files.resolve(files.join(self.path, "scores"))
        infos = filesystem.get_file_info(pafs.FileSelector(inner, allow_not_found=True))
        return {_number(info.base_name) for info in infos if info.extension == "parquet"}

    def rows(self, part: int) -> pa.Table:
        """Read the films of a part."""
        return _read(files.join(self.path, "rows", part_name(part)))

    def scores(self, part: int) -> pa.Table:
        """Read the scores of a part."""
        return _read(files.join(self.path, "scores", part_name(part)))

    def write_scores(self, part: int, scores: pa.Table) -> None:
        """Write the scores of a part atomically."""
        _write(scores, files.join(self.path, "scores", part_name(part)))

    def explanations(self) -> dict[int, dict[str, Any]]:
        """Read the explanations of the first films, by their place in part 0; empty without any."""
        path = files.join(self.path, _EXPLANATIONS)
        if not files.exists(path):
            return {}
        return {int(film): one for film, one in files.parse_json(files.read_text(path)).items()}

    def write_explanations(self, explanations: Mapping[int, dict[str, Any]]) -> None:
        """Write the explanations of the first films, by their place in part 0, atomically."""
        atomic.write_text(files.join(self.path, _EXPLANATIONS), json.dumps(explanations, ensure_ascii=False))

    def remove(self) -> None:
        """Remove the folder's own files."""
        files.remove_own(self.path, _OWN.fullmatch)


def _check(plan: Plan) -> None:
    """Raise ValueError if a plan holds other values than were written."""
    texts = (plan.films, plan.fingerprint, *plan.models, *plan.models.values())
    whole = all(isinstance(number, int) and number >= 0 for number in (plan.count, plan.parts))
    if not whole or not all(isinstance(text, str) for text in texts) or any(len(row) != 4 for row in plan.malformed):
        raise ValueError("other values than were written")


def part_name(part: int) -> str:
    """Return the file name of a part."""
    return f"part-{part:07d}.parquet"


def _number(name: str) -> int:
    return int(name.removeprefix("part-").removesuffix(".parquet"))


def _write(table: pa.Table, path: str) -> None:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    atomic.write_bytes(path, stream.getvalue())


def _read(path: str) -> pa.Table:
    filesystem, inner = files.resolve(path)
    return pq.read_table(inner, filesystem=filesystem, partitioning=None)


def model_digests(paths: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the JSON file of each model's folder: another model at the same place has another."""
    digests = {}
    for path in paths:
        name = next(name for name in (MODEL_FILE, METADATA) if files.exists(files.join(path, name)))
        digests[path] = hashlib.sha256(files.read_bytes(files.join(path, name))).hexdigest()
    return digests
