"""Paths and URIs as one kind of text: s3://bucket/runs?endpoint_override=host keeps its options at the end."""

from __future__ import annotations

from pathlib import Path


def is_local(path: str | Path) -> bool:
    """Return whether the path is on this machine's own filesystem (a mounted share counts)."""
    return "://" not in str(path) or str(path).startswith("file://")


def split_options(path: str | Path) -> tuple[str, str]:
    """Return a URI without its options, and the options with their question mark; "" without any.

    A question mark in a local path is part of a name.
    """
    text = str(path)
    if is_local(text) or "?" not in text:
        return text, ""
    before, _, options = text.partition("?")
    return before, f"?{options}"


def join(path: str | Path, *names: str) -> str:
    """Append names to a path or URI, before a URI's options."""
    before, options = split_options(path)
    return "/".join([before.rstrip("/"), *names]) + options


def parent(path: str | Path) -> str:
    """Return the folder that holds a path; "" for a name alone."""
    before, options = split_options(path)
    folder = before.rstrip("/").rpartition("/")[0]
    return folder + options if folder else folder


def name(path: str | Path) -> str:
    """Return the last name of a path."""
    return split_options(path)[0].rstrip("/").rpartition("/")[2]


def is_within(path: str | Path, folder: str | Path) -> bool:
    """Return whether a path is in a folder, at any depth, or is that folder."""
    (inner, options), (outer, same) = split_options(path), split_options(folder)
    return options == same and f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")
