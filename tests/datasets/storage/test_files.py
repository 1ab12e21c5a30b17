"""Files on local paths, in the home folder, and by file:// URIs."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from datasets.storage import atomic, files, filesystems


@pytest.fixture(params=["path", "string", "uri"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """A new folder, told in the ways a person may."""
    return {"path": tmp_path, "string": str(tmp_path), "uri": tmp_path.as_uri()}[request.param]


def test_write_read_exists(place: str | Path, tmp_path: Path) -> None:
    where = files.join(place, "new", "folder", "words.txt")
    assert not files.exists(where)
    with pytest.raises(FileNotFoundError):
        files.read_text(where)
    atomic.write_text(where, "naïve\n日本\r\n")
    assert files.exists(where)
    assert files.exists(files.join(place, "new"))
    assert (tmp_path / "new" / "folder" / "words.txt").read_bytes() == "naïve\n日本\r\n".encode()
    assert files.read_text(where) == "naïve\n日本\r\n"


def test_writing_leaves_one_file(place: str | Path, tmp_path: Path) -> None:
    for text in ("a long text", "short"):
        atomic.write_text(files.join(place, "manifest.json"), text)
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]
    assert (tmp_path / "manifest.json").read_text() == "short"


def test_a_reader_never_sees_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment the new text takes its place, the old is still there whole and the new is complete beside it."""
    where = tmp_path / "manifest.json"
    where.write_text("old")
    seen: list[tuple[str, str]] = []
    replace = Path.replace

    def watched(self: Path, target: str) -> Path:
        seen.append((where.read_text(), self.read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    atomic.write_text(where, "new " * 10_000)
    assert seen == [("old", "new " * 10_000)]
    assert where.read_text() == "new " * 10_000


def test_failed_write_keeps_the_old_text(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "manifest.json", "old")
    with pytest.raises(UnicodeEncodeError):
        atomic.write_text(tmp_path / "manifest.json", "half a character: \ud800")
    assert (tmp_path / "manifest.json").read_text() == "old"


def test_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for told, wanted in (
        ("films", tmp_path / "films"),
        (Path("films"), tmp_path / "films"),
        ("~/films", tmp_path / "home" / "films"),
        ("/films", Path("/films")),
        ("file:///films/a", Path("/films/a")),
    ):
        filesystem, inner = files.resolve(told)
        assert isinstance(filesystem, pafs.LocalFileSystem)
        assert inner == str(wanted)
        assert files.is_local(told)
    assert files.absolute("~/films") == str(tmp_path / "home" / "films")
    assert files.absolute("s3://bucket/films") == "s3://bucket/films"


def test_home_folder_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    atomic.write_text("~/films/note.txt", "here")
    assert (tmp_path / "films" / "note.txt").read_text() == "here"
    assert files.exists("~/films")


@pytest.mark.parametrize("path", ["nowhere://bucket/films", "s3//://"])
def test_what_cannot_be_reached_is_named(path: str) -> None:
    with pytest.raises(ValueError, match="cannot reach") as error:
        files.resolve(path)
    assert path in str(error.value)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/a", "/a/b/c"), ("/a/", "/a/b/c"), ("a", "a/b/c"), ("s3://a", "s3://a/b/c"), (Path("/a"), "/a/b/c")],
)
def test_join(path: str | Path, wanted: str) -> None:
    assert files.join(path, "b", "c") == wanted


def test_join_to_the_root() -> None:
    assert files.join("/", "a") == "/a"


def test_find(place: str | Path, tmp_path: Path) -> None:
    for folder in ("b/deep/er", "a", "c"):
        (tmp_path / folder).mkdir(parents=True)
    wanted = [tmp_path / "a" / "history.csv", tmp_path / "b" / "deep" / "er" / "history.csv"]
    for path in (*wanted, tmp_path / "a" / "other.csv"):
        path.write_text("epoch")
    (tmp_path / "c" / "history.csv").mkdir()  # a folder of that name is no file
    found = files.find(place, "history.csv")
    assert found == [str(path) for path in wanted]
    assert [files.read_text(path) for path in found] == ["epoch"] * 2
    assert files.find(files.join(place, "missing"), "history.csv") == []


def test_download_of_a_local_folder_copies_nothing(place: str | Path, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("weights")
    with files.local_copy(place) as folder:
        assert folder == tmp_path
    assert list(tmp_path.iterdir()) == [tmp_path / "model.keras"]


def test_download_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any filesystem that is not the local one is copied from; here a part of the disk posing as one."""
    (tmp_path / "bucket" / "run").mkdir(parents=True)
    (tmp_path / "bucket" / "run" / "model.keras").write_text("weights")
    elsewhere = pafs.SubTreeFileSystem(str(tmp_path / "bucket"), pafs.LocalFileSystem())
    monkeypatch.setattr(files, "resolve", lambda _: (elsewhere, "run"))
    with files.local_copy("s3://bucket/run") as folder:
        assert (folder / "model.keras").read_text() == "weights"
    assert not folder.exists()
    assert files.find("s3://bucket/run", "model.keras") == ["s3://bucket/run/model.keras"]


def test_a_new_folder_is_there_whole_or_not_at_all(place: str | Path, tmp_path: Path) -> None:
    where = files.join(place, "run", "epoch-001")
    with atomic.new_local_folder(where, last="done.json", own=lambda name: name in ("done.json", "weights")) as folder:
        (folder / "done.json").write_text("{}")
        (folder / "weights").write_text("one")
        assert not files.exists(where)
    assert files.read_text(files.join(where, "weights")) == "one"
    with (
        pytest.raises(OSError, match="full"),
        atomic.new_local_folder(where, last="done.json", own=lambda name: name in ("done.json", "weights")) as folder,
    ):
        (folder / "weights").write_text("two")
        raise OSError("the disk is full")
    assert files.read_text(files.join(where, "weights")) == "one"
    with atomic.new_local_folder(where, last="done.json", own=lambda name: name in ("done.json", "weights")) as folder:
        (folder / "done.json").write_text("{}")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["epoch-001"]
    assert [path.name for path in (tmp_path / "run" / "epoch-001").iterdir()] == ["done.json"]


def test_on_an_object_store_the_last_file_is_uploaded_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "is_local", lambda _: False)
    uploads: list[list[str]] = []
    copy = pafs.copy_files

    def watched(source: str, target: str, **how: object) -> None:
        uploads.append(sorted(child.name for child in Path(source).iterdir()))
        copy(source, target, **how)

    monkeypatch.setattr(pafs, "copy_files", watched)
    with atomic.new_local_folder(tmp_path / "epoch-001", last="done.json") as folder:
        for name in ("weights", "done.json", "history"):
            (folder / name).write_text(name)
    assert uploads == [["history", "weights"], ["done.json"]]
    assert (tmp_path / "epoch-001" / "done.json").read_text() == "done.json"


def test_folders_are_listed_and_removed(place: str | Path, tmp_path: Path) -> None:
    for name in ("b", "a/inner"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    assert files.folders(place) == ["a", "b"]
    files.remove_folder(files.join(place, "a"))
    files.remove_folder(files.join(place, "never"))
    assert files.folders(place) == ["b"]
    assert files.folders(files.join(place, "never")) == []


def test_a_pipe_a_device_and_a_file_too_large_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    for path, most, why in (
        (tmp_path / "pipe", 9, "is no file"),
        ("/dev/zero", 9, "is no file"),
        (tmp_path, 9, "is no file"),
        (tmp_path / "large", 4, "has 5 bytes, more than 4"),
    ):
        with pytest.raises(OSError, match=why) as error:
            files.read_bytes(path, most=most)
        assert error.value.filename == str(path)
    assert files.read_bytes(tmp_path / "large", most=5) == b"12345"


def test_a_bucket_that_cannot_be_reached_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's own limit is a quarter of an hour."""

    class Unreachable(pafs._MockFileSystem):
        def get_file_info(self, *_: object) -> None:
            raise OSError("google::cloud::Status(UNAVAILABLE)\nmore")

    for uri, bounded in (
        ("gs://bucket/films", "gs://bucket/films?retry_limit_seconds=30"),
        ("gs://bucket/films?anonymous=true", "gs://bucket/films?anonymous=true&retry_limit_seconds=30"),
        ("gs://bucket/films?retry_limit_seconds=3", "gs://bucket/films?retry_limit_seconds=3"),
        ("s3://bucket/films", "s3://bucket/films"),
    ):
        assert filesystems._bounded(uri) == bounded
    monkeypatch.setattr(files, "resolve", lambda _: (Unreachable(), "films"))
    with pytest.raises(files.PathError, match=r"cannot reach gs://bucket/films: .*UNAVAILABLE\)\): check"):
        files.exists("gs://bucket/films")
