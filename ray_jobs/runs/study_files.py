"""Studies, which are many trainings beside each other, sweeps and ablations: how they say what they are, and are found.

Each leaves a JSON file in its folder, from which the report is made again.
"""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from dataclasses import dataclass
from typing import Any

from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.models.renamed_options import with_new_names


@dataclass(frozen=True)
class StudyKind:
    """A sort of study."""

    file: str
    """Name of its file in the study's folder."""
    format: int
    """Number of the format that is written and understood."""
    holds: str
    """The list in its file that must not be empty."""


SWEEPS = StudyKind("sweep.json", 1, "trials")
ABLATIONS = StudyKind("ablation.json", 1, "variants")


def head(sort: StudyKind, folder: str, about: Checkpoint, *, metric: str) -> dict[str, Any]:
    """Return the head of a study's file."""
    return {
        "format": sort.format,
        "kind": about.kind,
        "label": about.model_spec.label,
        "sees": about.model_spec.modality,
        "name": folder.rsplit("/", 1)[1],
        "path": folder,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "store": about.store,
        "metric": metric,
    }


def studies_below(folder: str, sort: StudyKind) -> list[dict[str, Any]]:
    """Return the studies of one sort below a folder, newest first; what cannot be read is passed over."""
    found = []
    for path in files.find(folder, sort.file):
        try:
            told = with_new_names(json.loads(files.read_text(path)))
            if told["format"] == sort.format and told[sort.holds] and told["store"]["fingerprint"]:
                found.append({**told, "path": path.rsplit("/", 1)[0]})  # the runs folder may have moved
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return sorted(found, key=lambda one: str(one.get("created")), reverse=True)
