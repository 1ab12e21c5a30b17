"""Entry point of a job: command line and error handling."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets.storage import failures
from genre_models.models.renamed_options import with_new_flags
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import (
    ClusterError,
    RunError,
    Terminated,
    TrainError,
    cause_chain,
    log_places,
    message,
    path_of,
)
from ray_jobs.cli.option_ranges import check_ranges
from ray_jobs.cli.places import check_places

# Ray's errors by name: importing Ray takes a second, and a job that does not need it has none.
_DIED = {
    "OutOfMemoryError": "its machine ran out of memory",
    "WorkerCrashedError": "it was killed, or its machine ran out of memory",
    "ActorDiedError": "it was killed, its machine is gone, or ran out of memory",
    "ActorUnavailableError": "its machine cannot be reached",
    "NodeDiedError": "its machine is gone",
    "LocalRayletDiedError": "Ray's own process on this machine was killed",
    "ObjectLostError": "its machine is gone, and what it held",
    "OwnerDiedError": "the process that started it is gone",
}
_OF_ARROW = "Detail: [errno "  # the path is in the text before it
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)  # full disk, no write permission


def run_job(main: Callable[[Any], Any], options: type[Any], *, program: str = "") -> None:
    """Run a job with the command line's options. Exit with one clear message on an expected error.

    `program` is the command in its help; by default the name of its file.
    """
    import tyro

    from ray_jobs.cli import help
    from ray_jobs.cli.config_loading import starting_point
    from ray_jobs.cli.paths import require_paths

    description = sys.modules[main.__module__].__doc__
    program = program or Path(sys.argv[0]).name
    try:
        arguments = with_new_flags(sys.argv[1:])
        start = starting_point(options, arguments)
        if asked := {*help.SHORT, help.ALL}.intersection(arguments):
            _print_help(help.help_text(options, start, description or "", program, everything=help.ALL in asked))
            return
        parsed = tyro.cli(
            options,
            prog=program,
            args=arguments,
            default=start,
            description=description,
            config=(tyro.conf.OmitArgPrefixes,),
        )
        check_ranges(parsed)
        check_places(parsed)
        require_paths(parsed)
        with _stopped_by_sigterm():
            main(parsed)
    except Exception as error:
        text, code = _user_message(error), exit_code(error)
        if code == 1 and log_places:
            _print_error(f"\nLogs of Ray's processes: {', '.join(log_places)}")
        if not text:
            raise
        _print_error(f"\nStopped: {text}")
        sys.exit(code)
    except KeyboardInterrupt as error:
        by = "by SIGTERM" if isinstance(error, Terminated) else "by you"
        _print_error(f"\nStopped {by}. What was finished is kept.")
        sys.exit(143 if isinstance(error, Terminated) else 130)


def _print_help(text: str) -> None:
    """Print the help, as far as whoever reads it wants it: `--help | head` ends without an error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python writes what is left once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does; a second one ends the process at once."""

    terminated = False

    def stop(*_: object) -> None:
        nonlocal terminated
        terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        # Where Ray waits it raises an interrupt of its own, and while it starts the handler is its own, with this code.
        if terminated or getattr(error, "code", None) == signal.SIGTERM:
            raise Terminated from error
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(error: Exception) -> int:
    """Return 2 for what the user can mend before any work, else 1."""
    return 2 if isinstance(error, _expected()) and not isinstance(error, RunError) else 1


def _user_message(error: Exception) -> str:
    """Return the message of an expected error or a disk error, else an empty string.

    The causes are searched too: Ray wraps the errors of its tasks.
    """
    for cause in cause_chain(error):
        wraps = isinstance(getattr(cause, "cause", None), BaseException)  # its text is a traceback
        if isinstance(cause, _expected()) and not wraps:
            return message(cause)
        named = isinstance(cause, OSError) and cause.errno and (cause.filename or _OF_ARROW in str(cause))
        if isinstance(cause, OSError) and (cause.errno in _OF_THE_MACHINE or named):
            return f"{message(cause)}{_free_space(cause)}. What was finished is kept."
        if failures.is_remote(cause):
            return f"{failures.explained(cause)}. What was finished is kept: run the same command again"
        if isinstance(cause, MemoryError):
            return "this machine has too little memory for that. What was finished is kept."
        if why := _of_ray(cause):
            return f"{why}. What was finished is kept: run the same command again, and it goes on where it can."
    return ""


def _free_space(error: OSError) -> str:
    """Return the room left on a full disk, if the error names a path."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not (path := path_of(error)):
        return ""
    whole = Path(path).absolute()
    place = next((folder for folder in (whole, *whole.parents) if folder.is_dir()), Path("/"))
    return f" ({shutil.disk_usage(place).free / 1e6:,.0f} MB are free in {place}: make room, or name another folder)"


def _of_ray(error: BaseException) -> str:
    """Return the message of a process of Ray's that died, in one line; "" for other errors."""
    if not type(error).__module__.startswith("ray."):
        return ""
    name = type(error).__name__
    if name in _DIED:
        return f"a process of this job died: {_DIED[name]}"
    return ""


def _expected() -> tuple[type[BaseException], ...]:
    """Return the errors whose messages are for the user. Any other is a bug and shows its traceback."""
    from datasets.raw.rejects import FilmsError
    from datasets.storage.files import PathError
    from datasets.store.film_store import StoreError
    from genre_models.checkpoint import CheckpointError
    from genre_models.models.search_space import SearchSpaceError

    return (PathError, FilmsError, StoreError, CheckpointError, SearchSpaceError, ClusterError, TrainError)


def _print_error(text: str) -> None:
    Console(sys.stderr).line(text)
