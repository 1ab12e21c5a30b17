"""One job at a time trains in a run's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ray_jobs.cli.errors import UsageError
from ray_jobs.runs import lease as leases
from ray_jobs.runs.lease import NAME, lease


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_EVERY_S", 0.05)
    monkeypatch.setattr(leases, "_WATCHED_S", 0.5)


def held_by(run: Path, **changes: object) -> None:
    """Write another job's lease."""
    run.mkdir(exist_ok=True)
    holder = {"id": "another", **leases._this_process(), "since": "then", "beats": 0} | changes
    (run / NAME).write_text(json.dumps(holder))


def test_a_second_job_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with lease(str(run)):
        with pytest.raises(UsageError, match=f"is being trained by process {os.getpid()} on "), lease(str(run)):
            pytest.fail("two jobs trained in one folder")
        assert json.loads((run / NAME).read_text())["process"] == os.getpid(), "the first one's stays"
        (run / "run.json").touch()
    assert [path.name for path in run.iterdir()] == ["run.json"]
    with lease(str(run)):
        pass


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="refused"), lease(str(tmp_path / "run")):
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_a_process_that_has_ended_is_taken_over(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held_by(tmp_path, process=ended.pid)
    with lease(str(tmp_path)):
        assert json.loads((tmp_path / NAME).read_text())["process"] == os.getpid()
    # Another process has its id since.
    held_by(tmp_path, process=os.getppid(), started="1")
    with lease(str(tmp_path)):
        pass


def test_a_process_elsewhere_lives_if_its_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another machine, and in a container of the same host name."""
    for changes in ({"host": "elsewhere"}, {"namespace": "pid:[1]"}):
        held_by(tmp_path, **changes)
        with monkeypatch.context() as patch:
            # It beats while it is watched, however busy the machine is.
            patch.setattr(leases.time, "sleep", lambda _, elsewhere=changes: held_by(tmp_path, **elsewhere, beats=1))
            with pytest.raises(UsageError, match="is being trained"), lease(str(tmp_path)):
                pytest.fail("it lives")
        before = time.monotonic()
        with lease(str(tmp_path)):
            assert time.monotonic() - before >= 0.5
        assert not (tmp_path / NAME).exists()


def test_a_damaged_lease_holds_nobody_up(tmp_path: Path) -> None:
    for text in ("", "{", "[1]", '{"host": 3}', '{"process": "x"}'):
        (tmp_path / NAME).write_text(text)
        with lease(str(tmp_path)):
            pass
        tmp_path.mkdir(exist_ok=True)


def test_the_heart_beats(tmp_path: Path) -> None:
    with lease(str(tmp_path / "run")):
        until = time.monotonic() + 5
        while not json.loads((tmp_path / "run" / NAME).read_text())["beats"] and time.monotonic() < until:
            time.sleep(0.02)
        assert json.loads((tmp_path / "run" / NAME).read_text())["beats"]
