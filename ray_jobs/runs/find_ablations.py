"""Ablations below a runs folder: for the comparison, and to exclude their variants from it."""

from __future__ import annotations

from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.predictors import find
from ray_jobs.runs.study_files import ABLATIONS, studies_below


def find_ablations(store: Store, runs: str) -> list[dict[str, Any]]:
    """Return the newest ablation of each kind of model and preset on this store."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for ablation in studies_below(files.absolute(runs), ABLATIONS):
        if ablation["store"]["fingerprint"] == store.manifest.fingerprint:
            newest.setdefault((str(ablation["kind"]), str(ablation["preset"])), ablation)
    return list(newest.values())


def variants_below(folder: str) -> tuple[str, ...]:
    """Return the folders of the ablation variants' training runs below a folder.

    The best of so many variants is partly chance, so they are no candidates for evaluation. The presets' own runs are.
    """
    return tuple(sorted(find.variants_below(folder)))
