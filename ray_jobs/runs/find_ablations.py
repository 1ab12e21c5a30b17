"""The ablations below a runs folder: for the comparison's page, and to know whose trainings are no candidates."""

from __future__ import annotations

from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from ray_jobs.runs.study_files import ABLATIONS, studies_below


def find_ablations(store: Store, runs: str) -> list[dict[str, Any]]:
    """Return the newest ablation of each kind of model and preset on this store below a folder, as the report takes
    it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in _ablations_below(files.absolute(runs)):
        if one["store"]["fingerprint"] == store.manifest.fingerprint:
            found.setdefault((str(one["kind"]), str(one["preset"])), one)
    return list(found.values())


def variants_below(folder: str) -> tuple[str, ...]:
    """Return the folders of the trainings below a folder that are a preset's variants in some ablation.

    They are trained to be compared with the preset: the best of so many, by chance as well, is no model to evaluate.
    The presets' own trainings are, as any other run.
    """
    return tuple(
        files.join(one["path"], run["path"].rsplit("/", 1)[1])
        for one in _ablations_below(folder)
        for variant in one["variants"]
        if variant["group"] != "preset"
        for run in variant["runs"]
    )


def _ablations_below(folder: str) -> list[dict[str, Any]]:
    return studies_below(folder, ABLATIONS)
