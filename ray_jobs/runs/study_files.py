"""JSON files of studies (sweeps and ablations of many training runs), and their discovery.

The report is regenerated from the file in a study's folder.
"""

from __future__ import annotations

import datetime
import shlex
import sys
from dataclasses import dataclass
from typing import Any

from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.models.renamed_options import with_new_names


@dataclass(frozen=True)
class StudyKind:
    """Kind of study."""

    file: str
    """Name of its file in the study's folder."""
    format: int
    """Version of the file format that is written and read."""
    holds: str
    """Key of the list in its file that must not be empty."""


SWEEPS = StudyKind("sweep.json", 1, "trials")
ABLATIONS = StudyKind("ablation.json", 1, "variants")


def head(study: StudyKind, folder: str, checkpoint: Checkpoint, *, metric: str) -> dict[str, Any]:
    """Return the common fields of a study's file."""
    return {
        "format": study.format,
        "kind": checkpoint.kind,
        "label": checkpoint.model_spec.label,
        "sees": checkpoint.inputs.modality,
        "name": files.name(folder),
        "path": folder,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "store": checkpoint.store,
        "metric": metric,
    }


def studies_below(folder: str, kind: StudyKind) -> list[dict[str, Any]]:
    """Return the studies of one kind below a folder, newest first; skip unreadable ones."""
    studies = []
    for path in files.find(folder, kind.file):
        try:
            study = with_new_names(files.parse_json(files.read_text(path)), untouched=("history",))
            if study["format"] == kind.format and study[kind.holds] and study["store"]["fingerprint"]:
                studies.append({**study, "path": files.parent(path)})  # the runs folder may have moved
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return sorted(studies, key=lambda study: str(study.get("created")), reverse=True)
