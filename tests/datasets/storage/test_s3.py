"""An object store by a URI with options, and one that fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.storage import atomic, failures, files, filesystems
from tests.datasets.storage.s3_server import S3, s3_server

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setattr(filesystems, "_TRIES", 3)
    filesystems._s3_filesystem.cache_clear()
    with s3_server(monkeypatch.setenv) as server:
        yield server
    filesystems._s3_filesystem.cache_clear()


def test_a_uri_with_options_holds_files_and_folders(s3: S3) -> None:
    runs = s3.uri("runs")
    atomic.write_text(files.join(runs, "a", "run.json"), "{}")
    with atomic.new_local_folder(files.join(runs, "a", "epoch-001"), last="checkpoint.json") as folder:
        (folder / "checkpoint.json").write_text("[]")
        (folder / "weights").write_bytes(b"w" * 9)
    assert s3.objects["bucket/runs/a/epoch-001/weights"] == b"w" * 9
    (found,) = files.find(runs, "run.json")
    assert found == s3.uri("runs", "a", "run.json")
    assert files.read_text(found) == "{}"
    assert files.folders(files.parent(found)) == ["epoch-001"]
    with files.local_copy(files.join(runs, "a", "epoch-001")) as copy:
        assert sorted(path.name for path in copy.iterdir()) == ["checkpoint.json", "weights"]
    with atomic.new_folder(s3.uri("store"), last="manifest.json") as work:
        for name in ("manifest.json", "words"):
            atomic.write_text(files.join(work, name), name)
        assert not files.exists(files.join(s3.uri("store"), "manifest.json"))
    assert files.read_text(files.join(s3.uri("store"), "manifest.json")) == "manifest.json"


def test_the_endpoint_is_that_of_the_environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic.write_text(s3.uri("note"), "here")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3.address}")
    assert files.read_text("s3://bucket/note") == "here"


def test_a_server_that_freezes_is_asked_again(s3: S3) -> None:
    s3.timeout_s = 1
    atomic.write_text(s3.uri("note"), "here")
    until = time.monotonic() + 1.5
    s3.fault = lambda *_: -1 if time.monotonic() < until else 0
    assert files.read_text(s3.uri("note")) == "here"
    atomic.write_text(s3.uri("note"), "there")
    assert s3.objects["bucket/note"] == b"there"


def test_an_upload_that_fails_leaves_what_was_there(s3: S3) -> None:
    atomic.write_bytes(s3.uri("model"), b"old")
    s3.fault = lambda method, path: 500 if method == "PUT" and "partNumber=2" in path else 0
    with pytest.raises(OSError, match=r"InternalError|INTERNAL_FAILURE") as error:
        atomic.write_bytes(s3.uri("model"), b"n" * (20 << 20))
    assert failures.is_remote(error.value)
    assert sum("partNumber=2" in line for line in s3.requests) == 3
    assert s3.objects["bucket/model"] == b"old"


def test_a_block_that_fails_publishes_nothing(s3: S3) -> None:
    with pytest.raises(KeyboardInterrupt), atomic.new_file(s3.uri("table.csv")) as stream:
        stream.write(b"half of it")
        raise KeyboardInterrupt
    assert not s3.objects.get("bucket/table.csv")


def test_a_folder_whose_upload_fails_is_not_whole(s3: S3, tmp_path: Path) -> None:
    del tmp_path
    s3.fault = lambda method, path: 500 if method in ("PUT", "POST") and "/run/weights" in path else 0
    with pytest.raises(OSError), atomic.new_local_folder(s3.uri("run"), last="checkpoint.json") as folder:
        for name in ("checkpoint.json", "weights"):
            (folder / name).write_text(name)
    assert "bucket/run/checkpoint.json" not in s3.objects


@pytest.mark.parametrize(
    ("status", "what"),
    [(403, "refuses the access keys for the bucket bucket"), (500, "the remote storage failed")],
)
def test_what_fails_is_said_in_a_sentence(s3: S3, status: int, what: str) -> None:
    s3.fault = lambda *_: status
    with pytest.raises(OSError) as error:
        atomic.write_text(s3.uri("run", "note"), "here")
    text = failures.explained(error.value)
    assert what in text
    assert "\n" not in text
    with pytest.raises(files.PathError, match="cannot reach s3://bucket/run"):
        files.exists(s3.uri("run"))
    # Nothing is known of the file, so it is not taken for missing.
    with pytest.raises(OSError):
        files.read_json_object(s3.uri("run", "run.json"))


def test_a_bucket_that_is_missing_is_named(s3: S3) -> None:
    with pytest.raises(OSError) as error:
        atomic.write_text(s3.uri("note").replace("bucket", "other", 1), "here")
    assert failures.explained(error.value) == (
        "the bucket other does not exist on the remote storage: create it, or correct its name"
    )


def test_nothing_is_said_of_files_in_a_bucket_that_is_missing(s3: S3) -> None:
    """Else a store would be missing, or a folder without runs."""
    other = s3.uri("store").replace("bucket", "other", 1)
    for ask in (files.exists, lambda path: files.find(path, "run.json")):
        with pytest.raises(files.PathError, match="the bucket other does not exist"):
            ask(other)
    assert not files.exists(s3.uri("store"))
    assert files.find(s3.uri("store"), "run.json") == []


@pytest.mark.parametrize("uri", ["s3://bucket/films?nosuch=1", "s3://bucket/films?request_timeout=soon", "s3:///films"])
def test_options_that_are_unknown_are_named(uri: str) -> None:
    with pytest.raises(files.PathError) as error:
        files.resolve(uri)
    assert uri in str(error.value)
