"""Search spaces of sweeps: values, unit and reason of each setting, with YAML overrides."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

import numpy as np

from genre_models.models.option_checks import parse_yaml, shown
from genre_models.models.renamed_options import with_new_names


class SearchSpaceError(ValueError):
    """An invalid search space, or settings that the model does not have."""


@dataclass(frozen=True)
class Choice:
    """A finite set of values."""

    values: tuple[Any, ...]
    unit: str
    why: str

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) < len(self.values):
            raise SearchSpaceError(f"a choice needs values, each once, not {shown(list(self.values))}")

    def contains(self, value: Any) -> bool:
        """Return whether a value may be sampled."""
        return value in self.values

    def sample(self, rng: np.random.Generator) -> Any:
        """Sample a value uniformly."""
        return self.values[int(rng.integers(len(self.values)))]

    def describe(self) -> dict[str, Any]:
        """Return the JSON form: {"values", "unit", "why"}."""
        values = [list(value) if isinstance(value, tuple) else value for value in self.values]
        return {"values": values, "unit": self.unit, "why": self.why}


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included; integers if both are integers."""

    low: float
    high: float
    log: bool
    """Whether values are sampled on a log scale."""
    step: float | None
    """Step between values, from `low`; None for a continuous range."""
    unit: str
    why: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SearchSpaceError(f"a range must rise from its first number to its second, not {self._ends}")
        if self.log and not self.low > 0:
            raise SearchSpaceError(f"a range on a log scale must start above 0, not {self._ends}")
        if self.step is not None and not (
            self.step > 0 and (_exact(self.high) - _exact(self.low)) % _exact(self.step) == 0
        ):
            raise SearchSpaceError(f"steps of {self.step} do not lead through {self._ends}")

    @property
    def _ends(self) -> str:
        return f"{self.low} to {self.high}"

    @property
    def _whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def contains(self, value: Any) -> bool:
        """Return whether a value may be sampled."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.step is not None:
            return (_exact(value) - _exact(self.low)) % _exact(self.step) == 0
        return not self._whole or value == int(value)

    def sample(self, rng: np.random.Generator) -> float:
        """Sample a rounded value: 3 digits on a log scale, else multiples of the step or a thousandth of the range."""
        if self.log:
            exact = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            short = round(exact) if self._whole else float(f"{exact:.3g}")
            return min(max(short, self.low), self.high)
        width = _exact(self.high) - _exact(self.low)
        step = _exact(self.step) if self.step is not None else Decimal(1) if self._whole else width / 1000
        sampled = _exact(self.low) + step * int(rng.integers(int(width / step) + 1))
        return int(sampled) if self._whole else float(sampled)

    def describe(self) -> dict[str, Any]:
        """Return the JSON form: {"low", "high", "log", "step", "unit", "why"}."""
        return {name.name: getattr(self, name.name) for name in fields(self)}


def _exact(number: float) -> Decimal:
    """Return a float as an exact decimal, so that 3 * 0.05 is 0.15."""
    return Decimal(str(number))


Setting = Choice | Range
SearchSpace = dict[str, Setting]
"""Settings by option name, of `Recipe` or of the model's config."""


def choice(*values: Any, unit: str, why: str) -> Choice:
    """Return a choice among values."""
    return Choice(values, unit, why)


def uniform(low: float, high: float, *, step: float | None = None, unit: str, why: str) -> Range:
    """Return a uniform range, in steps from low if a step is given."""
    return Range(low, high, log=False, step=step, unit=unit, why=why)


def log_uniform(low: float, high: float, *, unit: str, why: str) -> Range:
    """Return a range that is uniform on a log scale."""
    return Range(low, high, log=True, step=None, unit=unit, why=why)


# -- settings, and the recipe and config they belong to ---------------------------------------------------------------


def values_of(names: Iterable[str], recipe: Any, config: Any) -> dict[str, Any]:
    """Return the values of the named options of a recipe and a model's config.

    Raises:
        SearchSpaceError: neither has an option of that name.
    """
    options = _options(recipe, config)
    return {name: options[_known(name, options)] for name in names}


def split(settings: Mapping[str, Any], recipe: Any, config: Any) -> tuple[Any, Any]:
    """Return copies of a recipe and a model's config with these settings.

    Raises:
        SearchSpaceError: neither has an option of that name.
        ValueError: a value is invalid.
    """
    options = _options(recipe, config)
    names = {_known(name, options) for name in settings}
    of_recipe = {field.name for field in fields(recipe)}
    return (
        replace(recipe, **{name: settings[name] for name in names & of_recipe}),
        replace(config, **{name: settings[name] for name in names - of_recipe}),
    )


def _options(recipe: Any, config: Any) -> dict[str, Any]:
    return {field.name: getattr(owner, field.name) for owner in (recipe, config) for field in fields(owner)}


def _known(name: str, options: Mapping[str, Any]) -> str:
    if name in options:
        return name
    near = difflib.get_close_matches(str(name), options, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the options are {', '.join(options)}"
    raise SearchSpaceError(f"there is no option {str(name)[:60]}: {hint}")


# -- a search space from YAML -----------------------------------------------------------------------------------------

_FORMS = "{log_uniform: [low, high]}, {uniform: [low, high]} with or without step, [value, value, ...], or one value"


def overridden(
    space: SearchSpace, changes: str | Mapping[str, Any], *, known: tuple[Any, Any], where: str
) -> tuple[SearchSpace, dict[str, Any]]:
    """Return a search space with some settings changed, added, or fixed to one value.

    The changes are a YAML mapping (text or parsed) from the name of a setting to its values:

        learning_rate: {log_uniform: [1.0e-4, 1.0e-2]}
        conv_dropout: {uniform: [0.0, 0.5], step: 0.05}
        batch_size: [32, 64]
        block_filters: [[16, 32], [32, 64, 128]]
        dense_dropout: 0.5

    Args:
        space: the original, which is not modified.
        changes: the YAML text, or the mapping.
        known: the recipe and the model's config, which define and validate the options.
        where: the file's name, for error messages.

    Returns:
        The new space without fixed settings, and the fixed values by name.

    Raises:
        SearchSpaceError: names the file, the setting, the error and the correct form.
    """
    if isinstance(changes, str):
        try:
            changes = parse_yaml(changes) or {}
        except ValueError as error:
            raise SearchSpaceError(f"{where} is not YAML: {error}") from error
    if not isinstance(changes, Mapping):
        raise SearchSpaceError(f"{where} must map names of settings to values, not be {shown(changes)}")
    new, fixed = dict(space), dict[str, Any]()
    for name, spec in with_new_names(changes).items():
        try:
            setting = _setting(name, spec, space.get(name), known, where)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise SearchSpaceError(f"{where}: {str(name)[:60]}: {error}") from error
        if isinstance(setting, Choice) and len(setting.values) == 1:
            new.pop(name, None)
            fixed[name] = setting.values[0]
        else:
            new[name] = setting
    return new, fixed


def _setting(name: str, spec: Any, old: Setting | None, known: tuple[Any, Any], where: str) -> Setting:
    options = _options(*known)
    like = options[_known(name, options)]
    unit, why = old.unit if old else "", f"set in {where}"
    setting: Setting
    if not isinstance(spec, Mapping):
        values = spec if isinstance(spec, list | tuple) else [spec]
        setting = choice(*(_typed(value, like) for value in values), unit=unit, why=why)
    else:
        setting = _range(spec, like, unit=unit, why=why)
    for value in setting.values if isinstance(setting, Choice) else (setting.low, setting.high):
        split({name: value}, *known)  # validates the value
    return setting


def _range(spec: Mapping[str, Any], like: Any, *, unit: str, why: str) -> Range:
    kinds = [kind for kind in ("log_uniform", "uniform") if kind in spec]
    if len(kinds) != 1 or not set(spec) <= {*kinds, "step"} or (kinds == ["log_uniform"] and "step" in spec):
        raise SearchSpaceError(f"{shown(dict(spec))} is none of {_FORMS}")
    ends = spec[kinds[0]]
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise SearchSpaceError(f"{kinds[0]} needs two numbers, [low, high], not {shown(ends)}")
    if isinstance(like, bool) or not isinstance(like, int | float):
        raise SearchSpaceError(f"a range needs an option that is a number, not one like {like!r}: list the values")
    low, high = (_typed(end, like) for end in ends)
    step = _typed(spec["step"], like) if "step" in spec else None
    return Range(low, high, log=kinds == ["log_uniform"], step=step, unit=unit, why=why)


def _typed(value: Any, like: Any) -> Any:
    """Convert a value to the type of `like`: YAML parses 1e-4 as text, 1 as an integer, and has no tuples."""
    if isinstance(like, tuple):
        if not isinstance(value, list | tuple):
            raise SearchSpaceError(f"{shown(value)} is no list; each value must be one, like {list(like)}")
        return tuple(_typed(part, like[0]) if like else part for part in value)
    if isinstance(like, bool) or not isinstance(like, int | float):
        if not isinstance(value, type(like)):
            raise SearchSpaceError(f"{shown(value)} must be like {like!r}")
        return value
    try:
        number = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise SearchSpaceError(f"{shown(value)} is no number")
    if isinstance(like, float):
        return float(number)
    if number != int(number):
        raise SearchSpaceError(f"{shown(value)} is no whole number")
    return int(number)
