"""Starting values of a job's options: a preset, a configuration file, or the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from datasets.storage import files
from genre_models.checkpoint import with_tuples
from genre_models.models.option_checks import parse_yaml, shown
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.models.renamed_options import with_new_names
from genre_models.presets import lookup as presets
from ray_jobs.cli.errors import TrainError


def starting_point(options: type[Any], arguments: Sequence[str]) -> Any:
    """Return the options' defaults, overridden by the command line's --preset and --config.

    Raises:
        TrainError: there is no such preset, or the file cannot be used.
    """
    return with_config(with_preset(options(), arguments), arguments)


def with_preset(defaults: Any, arguments: Sequence[str]) -> Any:
    """Return the options with the recipe and the model of --preset, if given.

    Raises:
        TrainError: there is no such preset; the message lists the presets.
    """
    name = _value_of("--preset", arguments)
    if not name or not (hasattr(defaults, "preset") and hasattr(defaults, "recipe")):
        return defaults
    try:
        recipe, model = presets.preset(_kind_of(defaults).key, name)
    except ValueError as error:
        raise TrainError(f"--preset {name}: {error}") from error
    return dataclasses.replace(defaults, preset=name, recipe=recipe, model=model)


def with_config(defaults: Any, arguments: Sequence[str]) -> Any:
    """Return the options with the settings of the --config file, if given.

    Raises:
        TrainError: the file cannot be read, is for another model, or holds a setting that does not exist.
    """
    path = _value_of("--config", arguments)
    if not path or not hasattr(defaults, "config"):
        return defaults
    values = _yaml(path)
    kind = _kind_of(defaults)
    if (of := values.get("kind", kind.key)) != kind.key:
        other = of[:40] if isinstance(of, str) else shown(of)
        raise TrainError(f"{path} holds the settings of a {other}, not of a {kind.key}")
    unknown = sorted(values.keys() - {"kind", "recipe", "model", "found_by"})
    if unknown:
        raise TrainError(f"{path}: {', '.join(map(str, unknown))}? It may hold `kind`, `recipe` and `model`")
    parts = {name: _replaced(getattr(defaults, name), values.get(name) or {}, path) for name in ("recipe", "model")}
    return dataclasses.replace(defaults, config=path, **parts)


def _kind_of(defaults: Any) -> ModelSpec:
    return next(kind for kind in REGISTRY.values() if type(defaults.model) is kind.config_class)


def _replaced(part: Any, values: Any, path: str) -> Any:
    """Return a recipe or a model's options, overridden by the values of a file."""
    known = {field.name for field in dataclasses.fields(part)}
    if not isinstance(values, dict) or values.keys() - known:
        wrong = ", ".join(map(str, sorted(values.keys() - known))) if isinstance(values, dict) else shown(values)
        raise TrainError(f"{path}: {wrong}? {type(part).__name__} has {', '.join(sorted(known))}")
    settings = with_tuples(values)
    for name, value in settings.items():
        before = getattr(part, name)
        if isinstance(before, float) and isinstance(value, int) and not isinstance(value, bool):
            settings[name] = float(value)
        elif type(before) is not type(value):
            raise TrainError(f"{path}: {name} is {shown(value)}, where a {type(before).__name__} is needed")
    try:
        return dataclasses.replace(part, **settings)
    except ValueError as error:
        raise TrainError(f"{path}: {error}") from error


def _yaml(path: str) -> dict[str, Any]:
    try:
        values = parse_yaml(files.read_text(path))
    except (OSError, ValueError) as error:
        raise TrainError(f"--config {path} cannot be read: {(str(error) or repr(error)).splitlines()[0]}") from error
    values = with_new_names(values)
    if not isinstance(values, dict):
        raise TrainError(f"{path} holds no settings: it must read like the best_config.yaml that a sweep writes")
    return values


def _value_of(name: str, arguments: Sequence[str]) -> str:
    """Return an option's value on the command line, or an empty string."""
    for index, argument in enumerate(arguments):
        if argument == name and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"{name}="):
            return argument.removeprefix(f"{name}=")
    return ""
