"""The check that ends a run of the tests finds what they would leave behind, wherever that is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import footprint
from tests.footprint import Footprint, size_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_nothing_new_is_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "temporary" / "pymp-abc").mkdir(parents=True)
    assert Footprint(tmp_path / "temporary", tmp_path / "rays").left() == []


def test_a_file_of_each_kind_is_found(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, rays = tmp_path / "temporary", tmp_path / "rays"
    here.mkdir()
    before = Footprint(here, rays)
    (home / "film-genres").mkdir(parents=True)
    (home / "film-genres" / "store").touch()
    (here / "forgotten").touch()
    monkeypatch.setattr(footprint, "checkout", lambda: before.checkout | {"runs.csv"})
    (rays / "ray" / "session_1").mkdir(parents=True)
    wanted = [str(rays / "ray" / "session_1"), str(here / "forgotten"), str(home / "film-genres" / "store"), "runs.csv"]
    assert before.left() == sorted(wanted)


def test_the_checkout_is_asked_for_ignored_files_too(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "wheel").touch()
    assert footprint.checkout(tmp_path) == {".gitignore", "build/wheel"}


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_bytes(b"x" * 3000)
    assert 3000 <= size_of(tmp_path) < 3000 + 2 * 65_536
