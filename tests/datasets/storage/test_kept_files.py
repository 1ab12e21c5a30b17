"""Files that are nobody's but the user's, in folders that are replaced or removed."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from datasets.storage import atomic, files

GONE = 2**22 + 12345  # above Linux' largest process id


def own(name: str) -> bool:
    return name == "manifest.json" or name.startswith("films/part-")


def replace(path: Path) -> None:
    with atomic.new_folder(path, last="manifest.json", own=own) as work:
        atomic.write_text(files.join(work, "films", "part-1"), "new")
        atomic.write_text(files.join(work, "manifest.json"), "new")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files of its own, and a user's files and run."""
    path = tmp_path / "store"
    for name in ("manifest.json", "films/part-1", "films/part-2", "films/notes.txt", "runs/a/epoch-001/model", "x"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("old")
    (path / "link").symlink_to("x")
    return path


@pytest.mark.parametrize("exchange", [True, False])
def test_a_replaced_folder_s_other_files_go_on_in_the_new_one(
    folder: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    replace(folder)
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    kept = {name: "old" for name in ("films/notes.txt", "runs/a/epoch-001/model", "x", "link")}
    assert found == {"manifest.json": "new", "films/part-1": "new", **kept}
    assert (folder / "link").readlink() == Path("x")
    assert [child.name for child in folder.parent.iterdir()] == ["store"]


@pytest.mark.parametrize("state", ["replaced", "preparing"])
def test_a_user_s_files_are_rescued_from_what_a_killed_job_left(folder: Path, state: str) -> None:
    """Killed right after the two folders were exchanged, the old one lies hidden beside the new."""
    hidden = folder.parent / f".store.{state}-{platform.node()}-{GONE}"
    folder.rename(hidden)
    folder.mkdir()
    (folder / "manifest.json").write_text("new")
    (folder / "x").write_text("another")
    replace(folder)
    assert (folder / "runs/a/epoch-001/model").read_text() == "old"
    # Its place is taken: it stays where it is.
    assert (folder / "x").read_text() == "another" and (hidden / "x").read_text() == "old"


def test_a_symbolic_link_to_a_folder_stays_one(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "links" / "store"
    link.parent.mkdir()
    link.symlink_to(folder)
    replace(link)
    assert link.is_symlink() and link.resolve() == folder and (folder / "manifest.json").read_text() == "new"
    assert sorted(child.name for child in tmp_path.iterdir()) == ["links", "store"]
    assert [child.name for child in link.parent.iterdir()] == ["store"]


def test_without_a_rule_only_files_of_the_same_names_are_replaced(folder: Path) -> None:
    with atomic.new_local_folder(folder, last="manifest.json") as work:
        (work / "manifest.json").write_text("new")
    assert (folder / "manifest.json").read_text() == "new"
    assert (folder / "films/part-2").read_text() == (folder / "x").read_text() == "old"


def test_removal_leaves_what_is_not_a_folder_s_own(folder: Path) -> None:
    files.remove_own(folder, own)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {"films/notes.txt", "runs/a/epoch-001/model", "x", "link"}
    files.remove_own(folder, lambda _: True)
    assert list(folder.parent.iterdir()) in ([], [folder])  # a link is a file to Python, and none to Arrow
