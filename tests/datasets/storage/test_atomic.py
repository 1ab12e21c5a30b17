"""Working beside a folder, and putting the new one in its place."""

from __future__ import annotations

import platform
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from datasets.storage import atomic, files
from datasets.storage.atomic import aside, publish

GONE = 2**22 + 12345  # above Linux' largest process id


@pytest.mark.parametrize("stage", ["before the new one", "after it"])
def test_a_store_is_never_lost_to_a_job_killed_as_it_replaces_it(tmp_path: Path, stage: str) -> None:
    old = tmp_path / f".store.replaced-{platform.node()}-{GONE}"
    old.mkdir()
    (old / "manifest.json").write_text("old")
    if stage == "after it":
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "manifest.json").write_text("new")
    with aside(str(tmp_path / "store")):
        pass
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
        with aside("mock://bucket/store") as work:
            atomic.write_text(files.join(work, "films", "a.parquet"), text)
            atomic.write_text(files.join(work, "manifest.json"), text)
            if text == "new":
                assert files.read_text("mock://bucket/store/manifest.json") == "old"
            publish(work, "mock://bucket/store", last="manifest.json")
        written.append(files.read_text("mock://bucket/store/films/a.parquet"))
    assert written == ["old", "new"]
    assert files.folders("mock://bucket") == ["store"]
    with pytest.raises(ValueError, match="no such films"), aside("mock://bucket/store"):
        raise ValueError("no such films")
    assert files.read_text("mock://bucket/store/manifest.json") == "new"
