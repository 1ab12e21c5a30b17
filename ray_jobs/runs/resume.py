"""Check of a run's folder before the run starts or resumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from genre_models.checkpoint import Checkpoint
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import Resumable
from ray_jobs.runs.launches import KEY as LAUNCHES
from ray_jobs.runs.run_folder import RunFolder


def settings_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the key of a run: model, recipe and films."""
    return {
        "kind": checkpoint.kind,
        "recipe": plain(dataclasses.asdict(checkpoint.recipe)),
        "config": plain(dataclasses.asdict(checkpoint.config)),
        "store": checkpoint.store["fingerprint"],
        **({"encoder weights": " ".join(checkpoint.inputs.digests)} if checkpoint.inputs.digests else {}),
    }


def check_resume(
    folder: RunFolder,
    requested: dict[str, Any],
    options: Resumable,
    may_differ: tuple[str, ...] = ("epochs", "patience"),
) -> None:
    """Check that a run can start or resume in its folder, and save its options.

    Args:
        folder: the run's folder.
        requested: the run's options in JSON types, some grouped in dictionaries.
        options: whether to resume, and the kind of job for the messages.
        may_differ: options that may differ from those the run was started with.

    Raises:
        TrainError: there is no run to resume, it exists already, or it was started with other options.
    """
    study = options.study
    if not folder.exists():
        if options.resume:
            raise TrainError(f"there is no {study} at {folder.path} to go on with: leave out --resume to start it")
        if folder.checkpoints():
            raise TrainError(
                f"{folder.path} holds checkpoints and no run.json, so that nobody knows how they were trained: "
                "take another --name"
            )
        folder.write_options(requested)
        return
    if not options.resume:
        raise TrainError(f"the {study} {folder.path} exists: go on with it by --resume, or take another --name")
    recorded = folder.options()
    before, now = _flat(recorded, requested), _flat(requested, requested)
    changed = [
        f"{name[-1]} {before.get(name)} -> {now[name]}"
        for name in now
        if name[-1] not in may_differ and before.get(name) != now[name]
    ]
    if changed:
        raise TrainError(
            f"the {study} {folder.path} was started otherwise ({', '.join(changed)}): give it the same options and "
            f"films, or start a new {study} under another --name"
        )
    folder.write_options(requested | ({LAUNCHES: recorded[LAUNCHES]} if LAUNCHES in recorded else {}))


def require_whole_checkpoints(folder: RunFolder, tell: Callable[[str], None]) -> None:
    """Check that a run that has trained does not start over.

    `tell` takes a line on each broken checkpoint that is passed over.

    Raises:
        TrainError: epochs were trained, and no checkpoint of them is whole.
    """
    lines: list[str] = []
    if folder.last(lines.append) is None and (lines or folder.history()):
        why = "; ".join(lines) or "its folder holds none"
        raise TrainError(
            f"the run {folder.path} has no checkpoint to go on from ({why}): copy one back, or start a new run under "
            "another --name"
        )
    for line in lines:
        tell(line)


def _flat(options: dict[str, Any], requested: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """Return options by group and name; options missing in older versions get their defaults."""
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in requested.items():
        if isinstance(value, dict):
            own = options.get(name)
            known = {**_defaults(value), **(own if isinstance(own, dict) else {})}
            flat |= {(name, inner): setting for inner, setting in known.items()}
        else:
            flat[(name,)] = options.get(name)
    return flat


def _defaults(group: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of the recipe's or model's options with these names."""
    from genre_models.models.registry import REGISTRY

    known_groups: list[type[Any]] = [Recipe, *(kind.config_class for kind in REGISTRY.values())]
    for known in known_groups:
        values = plain(dataclasses.asdict(known()))
        if values.keys() == group.keys():
            return values
    return {}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as after a JSON round trip: tuples become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
