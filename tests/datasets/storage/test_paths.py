"""Paths and URIs, with and without options of their filesystem."""

from __future__ import annotations

import pytest

from datasets.storage import files

OPTIONS = "?scheme=http&endpoint_override=localhost:5000"


@pytest.mark.parametrize(
    ("before", "options"), [("/a/runs", ""), ("runs", ""), ("s3://bucket/runs", ""), ("s3://bucket/runs", OPTIONS)]
)
def test_options_stay_at_the_end(before: str, options: str) -> None:
    path = before + options
    assert files.join(path, "b", "c.json") == f"{before}/b/c.json{options}"
    assert files.join(f"{before}/{options}", "b") == f"{before}/b{options}"
    assert files.parent(files.join(path, "b")) == path
    assert files.name(files.join(path, "b", "c.json")) == "c.json"
    assert files.is_within(files.join(path, "b", "c"), path)
    assert files.is_within(path, path)
    assert not files.is_within(f"{before}-2{options}", path)
    assert not files.is_within(path, files.join(path, "b"))


def test_other_options_are_another_place() -> None:
    assert not files.is_within(f"s3://bucket/runs/b{OPTIONS}", "s3://bucket/runs")


def test_a_question_mark_in_a_local_name_is_no_option() -> None:
    assert files.join("/films/what?", "b") == "/films/what?/b"
    assert files.name("/films/what?") == "what?"
    assert files.join("file:///films/what?", "b") == "file:///films/what?/b"


def test_a_name_alone_has_no_folder() -> None:
    assert files.parent("runs") == ""
    assert files.name("runs") == "runs"
