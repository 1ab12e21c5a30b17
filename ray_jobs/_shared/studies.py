"""Studies, which are many trainings beside each other, sweeps and ablations: how they say what they are, and are found.

Each leaves a JSON file in its folder, from which the report is made again.
"""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from typing import Any

from datasets import files
from genre_models.checkpoint import Checkpoint


def head(folder: str, about: Checkpoint, *, format_number: int, metric: str) -> dict[str, Any]:
    """Return what every study's file begins with."""
    return {
        "format": format_number,
        "kind": about.kind,
        "label": about.model_kind.label,
        "sees": about.model_kind.sees,
        "name": folder.rsplit("/", 1)[1],
        "path": folder,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "store": about.store,
        "metric": metric,
    }


def studies_below(folder: str, file: str, *, format_number: int, holds: str) -> list[dict[str, Any]]:
    """Return the studies of one sort below a folder, newest first; what cannot be read is passed over.

    Args:
        folder: where to look.
        file: name of the sort's file.
        format_number: of the files that are understood.
        holds: name of a list that must not be empty.
    """
    found = []
    for path in files.find(folder, file):
        try:
            told = json.loads(files.read_text(path))
            if told["format"] == format_number and told[holds] and told["store"]["fingerprint"]:
                found.append({**told, "path": path.rsplit("/", 1)[0]})  # the runs folder may have moved
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return sorted(found, key=lambda one: str(one.get("created")), reverse=True)
