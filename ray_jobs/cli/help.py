"""Help of a job's command line: the most used options in under 60 lines, or all of them by group."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import shutil
import textwrap
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from genre_models.models.registry import REGISTRY
from genre_models.presets import lookup as presets

ALL = "--help-all"
SHORT = ("-h", "--help")
MOST_LINES = 58
"""Of the short help."""
_FIRST = (
    *("model", "films", "store", "runs", "name", "preset", "epochs", "trials", "seeds", "out", "report", "poster"),
    *("overview", "batch_size", "learning_rate", "workers", "use_gpu", "resume", "overwrite", "dry_run"),
    *("id_column", "overview_column", "genre_column", "poster_column", "genres", "allow_missing"),
)
"""Options of the short help, most used first; a job's other own options follow while there is room."""
_PATHS = frozenset(
    {"films", "store", "runs", "report", "out", "config", "init_from", "space", "components", "rename_genres", "poster"}
)
_FEW = 20  # options of a job, of which the short help shows all that fit
_NAME_COLUMN = 26  # characters


@dataclasses.dataclass(frozen=True)
class _Option:
    name: str
    group: str
    """Heading that the option stands under."""
    kind: Any
    default: Any
    text: str
    """What the option is."""
    own: bool
    """Whether the job alone has it."""
    values: str
    """The values it takes, in capitals or in braces."""

    @property
    def flag(self) -> str:
        """Return the option with its values, as in `--epochs INT`."""
        name = self.name.replace("_", "-")
        if self.kind is bool:
            return f"--{name}, --no-{name}" if self.default is True else f"--{name}"
        return f"--{name} {self.values}"

    @property
    def sentence(self) -> str:
        """Return the text's first sentence."""
        for end in re.finditer(r"[.;]\s|$", self.text):
            first = self.text[: end.start()]
            if first.count("(") == first.count(")"):
                return first.rstrip(".;")
        return self.text

    @property
    def shown_default(self) -> str:
        """Return the default in words, "" where the text says it."""
        value = self.default
        if value is True:
            return " (default: yes)"
        if value in ("", None, ()) or value is False:
            return ""
        text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return f" (default: {text})"


def help_text(options: type[Any], start: Any, description: str, program: str, *, everything: bool) -> str:
    """Return a job's help.

    Args:
        options: the dataclass of the job's options.
        start: their defaults.
        description: the job's docstring.
        program: the script's name.
        everything: whether all options are shown with all that is said on them.
    """
    width = max(60, min(110, shutil.get_terminal_size().columns))
    found = list(_options(options, start, "Options"))
    lines = [f"usage: {program} [OPTIONS]", "", *_reflowed(description, width), ""]
    if everything:
        for group in dict.fromkeys(option.group for option in found):
            lines += [f"{group}:"]
            for option in (one for one in found if one.group == group):
                lines += _entry(option, option.text.rstrip("."), width)
            lines.append("")
        return "\n".join(lines)
    lines.append("Most used options:")
    last = ["", f"{ALL} shows all {len(found)} options."]
    by_name = {option.name: option for option in found}
    order = [by_name[name] for name in _FIRST if name in by_name]
    others = [one for one in found if one not in order and (one.own or len(found) <= _FEW)]
    for option in [*order, *sorted(others, key=lambda one: not one.own)]:
        entry = _entry(option, option.sentence, width)
        if len(lines) + len(entry) + len(last) > MOST_LINES:
            break
        lines += entry
    return "\n".join([*lines, *last])


def _entry(option: _Option, text: str, width: int) -> list[str]:
    text += option.shown_default
    room = max(30, width - _NAME_COLUMN)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    indented = [" " * _NAME_COLUMN + line for line in lines]
    head = f"  {option.flag}"
    if len(head) <= _NAME_COLUMN - 2 and indented:
        return [head.ljust(_NAME_COLUMN) + lines[0], *indented[1:]]
    return [head, *indented]


def _options(kind: type[Any], start: Any, group: str) -> Iterator[_Option]:
    """Yield all options, those of recipe and model under headings of their own."""
    hints = typing.get_type_hints(kind)
    texts = _texts(kind)
    own = set(vars(kind).get("__annotations__", {}))
    for field in dataclasses.fields(kind):
        value = getattr(start, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            first = inspect.cleandoc(type(value).__doc__ or "").split("\n\n")[0]
            yield from _options(type(value), value, _flat(first).split(".")[0].split(":")[0])
        else:
            is_own = field.name in own and group == "Options"
            hint = hints[field.name]
            values = _presets(start) if field.name == "preset" else _values(field.name, hint)
            yield _Option(field.name, group, hint, value, texts.get(field.name, ""), is_own, values)


def _texts(kind: type[Any]) -> dict[str, str]:
    """Return the sentences below each field of a dataclass and its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, after in zip(body, [*body[1:], None], strict=True):
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
                found[field.target.id] = _flat(text)
    return found


def _presets(start: Any) -> str:
    """Return the names of the presets of the job's model, or of all models."""
    config = type(getattr(start, "model", None))
    kinds = [kind.key for kind in REGISTRY.values() if kind.config_class is config] or list(REGISTRY)
    return "{" + ",".join(dict.fromkeys(name for kind in kinds for name in presets.names(kind))) + "}"


def _values(name: str, kind: Any) -> str:
    """Return the values of an option, in capitals or in braces."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return "{" + ",".join(map(str, arguments)) + "}"
    if origin is tuple:
        return f"{_values(name, arguments[0])} ..."
    if origin in (typing.Union, types.UnionType):
        others = [argument for argument in arguments if argument is not type(None)]
        return "{yes,no}" if others == [bool] else _values(name, others[0])
    if kind in (int, float):
        return "INT" if kind is int else "NUMBER"
    return "PATH" if name in _PATHS else "NAME" if name == "name" else "TEXT"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _reflowed(description: str, width: int) -> list[str]:
    """Return a docstring's lines, its paragraphs reflowed and its commands unchanged."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(description).split("\n\n"):
        indented = paragraph.startswith(" ")
        wrapped: Sequence[str] = paragraph.splitlines() if indented else textwrap.wrap(_flat(paragraph), width)
        lines += [*([""] if lines else []), *wrapped]
    return lines
