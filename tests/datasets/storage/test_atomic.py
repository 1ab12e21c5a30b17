"""Working beside a folder, and putting the new one in its place."""

from __future__ import annotations

import errno
import platform
import threading
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from datasets.storage import atomic, files
from datasets.storage.atomic import new_folder, new_local_folder
from datasets.storage.file_sets import files_into

GONE = 2**22 + 12345  # above Linux' largest process id


@pytest.mark.parametrize("stage", ["before the new one", "after it"])
def test_a_store_is_never_lost_to_a_job_killed_as_it_replaces_it(tmp_path: Path, stage: str) -> None:
    old = tmp_path / f".store.replaced-{platform.node()}-{GONE}"
    old.mkdir()
    (old / "manifest.json").write_text("old")
    if stage == "after it":
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "manifest.json").write_text("new")
    with pytest.raises(InterruptedError), new_folder(tmp_path / "store", last="manifest.json"):
        raise InterruptedError
    assert (tmp_path / "store" / "manifest.json").read_text() == ("new" if stage == "after it" else "old")
    assert [child.name for child in tmp_path.iterdir()] == ["store"]


def test_on_an_object_store_the_old_store_stays_until_the_new_one_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a filesystem in memory."""
    memory = pafs._MockFileSystem()
    resolve = files.resolve
    monkeypatch.setattr(
        files, "resolve", lambda path: (memory, str(path)[7:]) if str(path).startswith("mock://") else resolve(path)
    )
    written: list[str] = []
    for text in ("old", "new"):
        with new_folder("mock://bucket/store", last="manifest.json") as work:
            atomic.write_text(files.join(work, "films", "a.parquet"), text)
            atomic.write_text(files.join(work, "manifest.json"), text)
            if text == "new":
                assert files.read_text("mock://bucket/store/manifest.json") == "old"
        written.append(files.read_text("mock://bucket/store/films/a.parquet"))
    assert written == ["old", "new"]
    assert files.folders("mock://bucket") == ["store"]
    with pytest.raises(ValueError, match="no such films"), new_folder("mock://bucket/store", last="manifest.json"):
        raise ValueError("no such films")
    assert files.read_text("mock://bucket/store/manifest.json") == "new"


def test_a_replaced_folder_is_there_at_any_time(tmp_path: Path) -> None:
    """Where the system exchanges two folders in one step."""
    if not _exchange_is_there(tmp_path):
        pytest.skip("this filesystem cannot exchange two folders")
    path, stop, seen = tmp_path / "store", threading.Event(), set[bool]()

    def watch() -> None:
        while not stop.is_set():
            seen.add((path / "manifest.json").exists())

    def write(text: str) -> None:
        with new_folder(path, last="manifest.json") as work:
            atomic.write_text(files.join(work, "manifest.json"), text)

    write("first")
    reader = threading.Thread(target=watch)
    reader.start()
    for turn in range(300):
        write(str(turn))
    stop.set()
    reader.join()
    assert seen == {True} and files.read_text(path / "manifest.json") == "299"
    assert [child.name for child in tmp_path.iterdir()] == ["store"]


def _exchange_is_there(folder: Path) -> bool:
    for name in ("one", "other"):
        (folder / name).mkdir()
    able = atomic._exchange(str(folder / "one"), str(folder / "other"))
    for name in ("one", "other"):
        (folder / name).rmdir()
    return able


def test_two_folders_change_places(tmp_path: Path) -> None:
    if not _exchange_is_there(tmp_path):
        pytest.skip("this filesystem cannot exchange two folders")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert atomic._exchange(str(tmp_path / "one"), str(tmp_path / "other"))
    assert [child.name for child in (tmp_path / "one").iterdir()] == ["other"]
    assert not atomic._exchange(str(tmp_path / "one"), str(tmp_path / "never"))


@pytest.mark.parametrize(
    "text", ["No space left on device", "can't write data (errno = 28, 'No space left on device')"]
)
def test_a_full_disk_is_named_where_an_open_file_does_not(text: str, tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, text) if text.startswith("No") else OSError(text)
    for write in (
        lambda: new_folder(tmp_path / "new", last="a"),
        lambda: new_local_folder(tmp_path / "new", last="a"),
        lambda: atomic.new_file(tmp_path / "new"),
        lambda: files_into(tmp_path / "new"),
    ):
        with pytest.raises(OSError) as found, write():
            raise error
        assert (found.value.errno, found.value.filename) == (errno.ENOSPC, str(tmp_path / "new"))
    with pytest.raises(OSError, match="other") as found, atomic.new_file(tmp_path / "new"):
        raise OSError("other")
    assert found.value.filename is None
