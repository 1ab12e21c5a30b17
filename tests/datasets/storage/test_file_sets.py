"""Files of a report take their places together, however the job is killed."""

from __future__ import annotations

import contextlib
import itertools
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.storage import files
from datasets.storage.file_sets import files_into
from tests.datasets.storage.test_atomic import GONE

PAGES = ("page.html", "page.md", "pictures/a.svg")


def test_files_go_into_a_folder_beside_what_is_there_and_all_or_none(tmp_path: Path) -> None:
    page, other = tmp_path / "report.html", tmp_path / "trial-001"
    other.mkdir()
    page.write_text("old")
    with pytest.raises(OSError, match="full"), files_into(tmp_path) as folder:
        (folder / "report.html").write_text("half")
        raise OSError("the disk is full")
    assert page.read_text() == "old"
    with files_into(tmp_path) as folder:
        (folder / "report.html").write_text("new")
        (folder / "pictures").mkdir()
        (folder / "pictures" / "a.svg").write_text("<svg/>")
        assert page.read_text() == "old" and files.find(tmp_path, "report.html") == [str(page)]
    assert page.read_text() == "new"
    assert sorted(child.name for child in tmp_path.iterdir()) == ["pictures", "report.html", "trial-001"]


class Killed(BaseException):
    """An end that nothing is done after."""


@contextlib.contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every change of a file from the given one on fail, as in a process that is gone."""
    steps = itertools.count(1)

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(steps) >= step:
                raise Killed
            return change(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "unlink"), (Path, "replace"), (Path, "rename"), (shutil, "rmtree")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield


def written(folder: Path, text: str, names: tuple[str, ...]) -> None:
    with files_into(folder, own=("stale.svg",)) as local:
        for name in names:
            (local / name).parent.mkdir(exist_ok=True)
            (local / name).write_text(text)


def state(folder: Path) -> dict[str, str]:
    names = ("page.json", *PAGES, "stale.svg")
    return {name: (folder / name).read_text() for name in names if (folder / name).exists()}


@pytest.mark.parametrize("step", range(1, 16))
def test_new_data_never_lie_beside_old_pages(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "old", ("page.json", *PAGES, "stale.svg"))
    (tmp_path / "notes.txt").write_text("kept")
    with killed_at(step, monkeypatch), contextlib.suppress(Killed):
        written(tmp_path, "new", ("page.json", *PAGES))
    there = state(tmp_path)
    assert there["page.json"] == ("new" if "new" in there.values() else "old")
    assert there["page.json"] == "old" or "old" not in there.values()
    hidden = [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    for left in hidden:  # of a process that has ended
        left.rename(left.with_name(f"{left.name.partition('-')[0]}-{platform.node()}-{GONE}"))
    is_ready = any("ready" in path.name for path in hidden)
    with pytest.raises(InterruptedError), files_into(tmp_path):
        raise InterruptedError
    whole = dict.fromkeys(("page.json", *PAGES), "new" if is_ready else there["page.json"])
    assert state(tmp_path) == (whole if whole["page.json"] == "new" else {**whole, "stale.svg": "old"})
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    assert (tmp_path / "notes.txt").read_text() == "kept"


def test_ctrl_c_waits_until_all_files_are_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "old", ("page.json", *PAGES))
    replace, calls = Path.replace, itertools.count()

    def interrupted(self: Path, target: Path) -> Path:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, "new", ("page.json", *PAGES))
    assert set(state(tmp_path).values()) == {"new"}
