"""How a job ends: its exit code, and one sentence for whoever started it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datasets.raw.rejects import Reject, safe_cell, write_rejects
from datasets.store.film_store import StoreError
from genre_models.checkpoint import CheckpointError
from ray_jobs.cli.console import Console, printable
from ray_jobs.cli.errors import ClusterError, RunError, TrainError
from ray_jobs.cli.runner import _user_message, exit_code, run_job
from ray_jobs.cluster import ray_init
from ray_jobs.runs.tensorboard import TensorBoard
from ray_jobs.training.progress_display import ProgressDisplay
from ray_jobs.training.train_spec import Progress
from ray_jobs.tuning.ray_tuner import Stop, held_stop
from tests.ray_jobs.epochs import epochs


@dataclass(frozen=True)
class Options:
    """No options."""


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], main: Any) -> tuple[object, str]:
    """Return the exit code of a job and its words on stderr."""
    monkeypatch.setattr(sys, "argv", ["job"])
    with pytest.raises(SystemExit) as error:
        run_job(main, Options)
    return error.value.code, capsys.readouterr().err


def raising(error: BaseException) -> Any:
    def main(_: Options) -> None:
        raise error

    return main


@pytest.mark.parametrize(("error", "said"), [(RunError("the run failed"), True), (TrainError("no such run"), False)])
def test_a_failure_says_where_the_logs_are_and_a_usage_error_does_not(
    error: Exception, said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ray_jobs.cli.runner.log_places", ["/tmp/ray/session_x/logs"])
    _, text = ended(monkeypatch, capsys, raising(error))
    assert ("Logs of Ray's processes: /tmp/ray/session_x/logs" in text) == said
    assert text.rstrip().endswith(str(error))


def test_a_bug_says_where_the_logs_are_and_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ray_jobs.cli.runner.log_places", ["/tmp/ray/session_x/logs"])
    monkeypatch.setattr(sys, "argv", ["job"])
    with pytest.raises(ZeroDivisionError):
        run_job(raising(ZeroDivisionError()), Options)
    assert "/tmp/ray/session_x/logs" in capsys.readouterr().err


def full(path: Path) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StoreError("there is no store"), 2, "Stopped: there is no store"),
        (CheckpointError("damaged"), 2, "Stopped: damaged"),
        (TrainError("take another --name"), 2, "take another --name"),
        (RunError("the run failed"), 1, "the run failed"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/a/file/b"), 1, "'/a/file/b'"),
        (
            NotADirectoryError(errno.ENOTDIR, "Cannot list directory '/a/file'. Detail: [errno 20] Not a directory"),
            1,
            "'/a/file'",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), 1, "File name too long"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 1, "'/root/x'"),
        (
            OSError("When writing part 3: AWS Error ACCESS_DENIED during PutObject\nmore"),
            1,
            "refuses the access keys",
        ),
        (MemoryError(), 1, "too little memory"),
        (KeyboardInterrupt(), 130, "Stopped by you. What was finished is kept."),
        (StoreError("\x1b[2J half \ud800"), 2, r"\x1b[2J half \ud800"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_end_has_its_code_and_its_sentence(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ended(monkeypatch, capsys, raising(error))
    assert found[0] == code and said in found[1] and "Traceback" not in found[1] and "\x1b" not in found[1]


def test_sigterm_ends_a_job_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    code, said = ended(monkeypatch, capsys, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert code == 143 and "Stopped by SIGTERM. What was finished is kept." in said
    assert signal.getsignal(signal.SIGTERM) is before

    def waiting_in_ray(_: Options) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        raise KeyboardInterrupt  # in place of ours, as Ray does

    assert ended(monkeypatch, capsys, waiting_in_ray)[0] == 143
    # As Ray's own handler does, which is in place while Ray starts.
    assert ended(monkeypatch, capsys, lambda _: sys.exit(signal.SIGTERM))[0] == 143
    assert ended(monkeypatch, capsys, lambda _: sys.exit(3))[0] == 3


def test_a_full_disk_names_the_path_and_the_room(tmp_path: Path) -> None:
    said = _user_message(full(tmp_path / "run" / "model.keras"))
    assert str(tmp_path / "run" / "model.keras") in said and f"MB are free in {tmp_path}" in said


def test_an_error_of_a_worker_is_no_fault_of_the_command() -> None:
    wrapped = RuntimeError("Ray's")
    wrapped.__cause__ = StoreError("a damaged file")
    assert _user_message(wrapped) == "a damaged file" and exit_code(wrapped) == 1


def test_a_process_of_ray_that_died_is_said_in_one_line() -> None:
    import ray.exceptions

    said = _user_message(ray.exceptions.WorkerCrashedError())
    assert said.startswith("a process of this job died: it was killed") and "\n" not in said


def test_a_stop_waits_for_the_report() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        with held_stop() as stop:
            raise KeyboardInterrupt
        with stop.raised_after():
            done.append("report")
    assert done == ["report"]
    with pytest.raises(KeyboardInterrupt), Stop(KeyboardInterrupt()).raised_after():
        raise TrainError("nothing has ended")
    with pytest.raises(TrainError), Stop().raised_after():
        raise TrainError("nothing has ended")


# -- texts ------------------------------------------------------------------------------------------------------------


def test_no_escape_sequence_reaches_the_screen() -> None:
    stream = io.StringIO()
    console = Console(stream)
    console.line("title \x1b]0;owned\x07 \x9b2J \r over \u202e back, été 🎬\tand\nmore")
    assert stream.getvalue() == r"title \x1b]0;owned\x07 \x9b2J \r over \u202e back, été 🎬" + "\tand\nmore\n"
    assert printable("plain\n") == "plain\n"


def test_a_log_that_takes_ascii_alone_gets_ascii() -> None:
    binary = io.BytesIO()
    stream = io.TextIOWrapper(binary, "ascii")
    Console(stream).line("été")
    assert binary.getvalue() == b"\\xe9t\\xe9\n"


def test_rejects_stay_on_their_lines_and_are_no_formulas(tmp_path: Path) -> None:
    ids = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "a\rb", "a\nb", "\t=1", "-5", "7.5", "a=b", "é\u2028x"]
    write_rejects([Reject(film, row, "reason", f"detail {film}") for row, film in enumerate(ids)], tmp_path / "r.csv")
    lines = (tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(ids)
    assert [line.split(",")[0].strip('"')[:2] for line in lines[1:]] == [
        "'=", "'+", "'-", "'@", "a\\", "a\\", "\\t", "-5", "7.", "a=", "é\\",
    ]  # fmt: skip
    assert safe_cell("plain, text") == "plain, text"


# -- Ray's leavings, progress -----------------------------------------------------------------------------------------


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def test_a_head_that_died_is_not_waited_for(
    nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert ray_init._address() is None
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(f"{nobody}\n")
    monkeypatch.setattr(ray_init, "_runs_here", lambda: False)
    assert ray_init._address() == "local"
    assert f"The Ray that ran at {nobody} is gone" in capsys.readouterr().out
    monkeypatch.setattr(ray_init, "_runs_here", lambda: True)
    assert ray_init._address() is None
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(ClusterError, match=f"no Ray answers at RAY_ADDRESS={nobody}"):
        ray_init._address()
    with socket.create_server(("127.0.0.1", 0)) as head:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{head.getsockname()[1]}")
        assert ray_init._address() is None
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert ray_init._address() is None


def test_the_time_left_after_a_restart_counts_from_the_restart() -> None:
    display = ProgressDisplay(10, Console(io.StringIO()), [])
    for epoch, step in ((1, 0), (4, 5)):
        display.show(Progress(epoch, step, 10))
    first = display._timer
    display.show(Progress(3, 1, 10))
    assert display._timer is not first and display._before == pytest.approx(2.1)


def test_the_time_left_counts_on_over_the_ends_of_epochs() -> None:
    """An epoch's end, which counts no steps, is no restart."""
    display = ProgressDisplay(3, Console(io.StringIO()), [])
    timers = []
    for metrics in epochs(0.5, 0.4, 0.3):
        for step in (1, 10):
            display.show(Progress(metrics.epoch, step, 10))
        display.show(Progress(metrics.epoch, 2, 0, "validation"))
        display.show(Progress(metrics.epoch, metrics=metrics))
        timers.append(display._timer)
    assert timers[0] is timers[1] is timers[2] is not None


def test_tensorboard_holds_no_epoch_twice(tmp_path: Path) -> None:
    """A run that is resumed from epoch 1 after epochs 1 to 3 were written."""
    history = epochs(0.5, 0.4, 0.3)
    for last in (3, 2):
        board = TensorBoard(str(tmp_path))
        (tmp_path / "tensorboard").mkdir(exist_ok=True)
        (tmp_path / "tensorboard" / "notes.txt").touch()
        for epoch in range(last if last == 3 else 2, last + 1):
            board.write(history[:epoch])
        board.close()
    names = sorted(path.name.split(".")[0] for path in (tmp_path / "tensorboard").iterdir())
    assert names == ["notes", "training", "validation"]
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter  # noqa: F401  (the format that is read below)

    (events,) = (tmp_path / "tensorboard" / "validation").glob("events*")
    data, place, steps = events.read_bytes(), 0, []
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        event = Event.FromString(data[place + 12 : place + 12 + size])
        steps += [event.step for value in event.summary.value if value.tag == "loss"]
        place += 12 + size + 4
    assert steps == [1, 2]
