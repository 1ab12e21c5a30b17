"""The command `film-genres` runs the very job files, with their options, exit codes and recorded commands."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from ray_jobs import __main__ as command
from tests.jobs import ROOT

JOBS = {path.stem for path in (ROOT / "ray_jobs").glob("[a-z]*.py")}


def run(monkeypatch: pytest.MonkeyPatch, line: str) -> int:
    """Run a command line; return its exit code."""
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    try:
        command.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_every_job_has_a_command_and_the_package_installs_it() -> None:
    assert set(command.COMMANDS.values()) == JOBS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, function = project["scripts"]["film-genres"].split(":")
    assert (module, getattr(command, function)) == ("ray_jobs.__main__", command.main)


def test_a_command_runs_its_job_with_its_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []
    monkeypatch.setattr("ray_jobs.prepare_data.make_store", lambda _, store, *__, **___: seen.append(store))
    monkeypatch.setattr("ray_jobs.prepare_data.resources.connect", lambda *_: None)
    assert run(monkeypatch, f"film-genres prepare --films {tmp_path} --store {tmp_path / 'store'}") == 0
    assert seen == [str(tmp_path / "store")]


def test_help_names_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "film-genres tune lstm --help") == 0
    assert capsys.readouterr().out.startswith("usage: film-genres tune lstm [OPTIONS]")
    assert run(monkeypatch, "film-genres") == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in command.COMMANDS)


@pytest.mark.parametrize("line", ["trian cnn", "train", "train --epochs 2", "tune model"])
def test_a_wrong_command_is_a_usage_error(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, f"film-genres {line}") == 2
    assert "There is no command" in capsys.readouterr().err


def test_a_job_s_error_is_the_command_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, f"film-genres train cnn --store {tmp_path / 'none'} --runs {tmp_path}") == 2
    assert f"Stopped: there is no film store at {tmp_path / 'none'}" in capsys.readouterr().err
    # What is recorded of the command line is a command that runs the same job.
    assert sys.argv[0] == str(ROOT / "ray_jobs" / "train_cnn.py") and sys.argv[1] == "--store"
