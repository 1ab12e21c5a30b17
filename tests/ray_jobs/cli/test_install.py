"""`make install` with a wrong Python says so and leaves nothing; with a right one it mends what a wrong one left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(path: Path, *, version: tuple[int, int], venv: str = "") -> Path:
    """Write a stand-in for a Python: it knows its version, makes a venv by the shell command, and takes any pip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = "-c" ]; then exec {sys.executable} -c "import sys; sys.version_info = {version!r}; $2"; fi\n'
        f'if [ "$2" = "venv" ]; then {venv or "true"}; fi\n'
    )
    path.chmod(0o755)
    return path


def make(checkout: Path, python: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "install", f"PYTHON={python}"]
    # The `make` that runs these tests may have been given another environment, which is not to be replaced.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "VENV")}
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, env=env)


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_a_wrong_python_is_refused(checkout: Path, version: tuple[int, int]) -> None:
    wrong = python(checkout / "bin" / "python", version=version, venv="mkdir .venv")
    ended = make(checkout, wrong)
    assert ended.returncode != 0 and f"Python 3.11, 3.12 or 3.13 is needed, not '{wrong}'" in ended.stdout
    assert not (checkout / ".venv").exists()


def test_a_venv_that_cannot_be_made_is_removed(checkout: Path) -> None:
    half = python(checkout / "bin" / "python", version=(3, 11), venv="mkdir -p .venv/bin; exit 1")
    assert make(checkout, half).returncode != 0
    assert not (checkout / ".venv").exists()


def test_a_right_python_replaces_a_wrong_venv_and_keeps_a_right_one(checkout: Path) -> None:
    inner = python(checkout / "bin" / "inner", version=(3, 12))
    right = python(
        checkout / "bin" / "python", version=(3, 12), venv=f"mkdir -p .venv/bin && cp {inner} .venv/bin/python"
    )
    python(checkout / ".venv" / "bin" / "python", version=(3, 9))
    (checkout / ".venv" / "old").touch()
    assert make(checkout, right).returncode == 0
    assert (checkout / ".venv" / ".installed").exists() and not (checkout / ".venv" / "old").exists()
    (checkout / ".venv" / "packages").touch()
    (checkout / ".venv" / ".installed").unlink()
    assert make(checkout, right).returncode == 0
    assert (checkout / ".venv" / "packages").exists()
