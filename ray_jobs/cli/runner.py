"""Entry point of a job: command line and error handling."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genre_models.models.renamed_options import with_new_flags
from ray_jobs.cli.errors import ClusterError, TrainError, cause_chain, message
from ray_jobs.cli.option_ranges import check_ranges
from ray_jobs.cli.places import check_places

_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)  # full disk, no write permission


def run_job(main: Callable[[Any], Any], options: type[Any]) -> None:
    """Run a job with the command line's options. Exit with one clear message on an expected error."""
    import tyro

    from ray_jobs.cli import help
    from ray_jobs.cli.config_loading import starting_point
    from ray_jobs.cli.paths import require_paths

    description = sys.modules[main.__module__].__doc__
    try:
        arguments = with_new_flags(sys.argv[1:])
        start = starting_point(options, arguments)
        if asked := {*help.SHORT, help.ALL}.intersection(arguments):
            program, everything = Path(sys.argv[0]).name, help.ALL in asked
            print(help.help_text(options, start, description or "", program, everything=everything))
            return
        parsed = tyro.cli(
            options, args=arguments, default=start, description=description, config=(tyro.conf.OmitArgPrefixes,)
        )
        require_paths(parsed)
        check_ranges(parsed)
        check_places(parsed)
        main(parsed)
    except Exception as error:
        if not (text := _user_message(error)):
            raise
        _print_error(f"\nStopped: {text}")
        sys.exit(1)
    except KeyboardInterrupt:
        _print_error("\nStopped by you. What was finished is kept.")
        sys.exit(130)


def _user_message(error: Exception) -> str:
    """Return the message of an expected error or a disk error, else an empty string.

    The causes are searched too: Ray wraps the errors of its tasks.
    """
    for cause in cause_chain(error):
        wraps = isinstance(getattr(cause, "cause", None), BaseException)  # its text is a traceback
        if isinstance(cause, _expected()) and not wraps:
            return message(cause)
        if isinstance(cause, OSError) and cause.errno in _OF_THE_MACHINE:
            return f"{message(cause)}. What was finished is kept."
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
    print(text, file=sys.stderr, flush=True)
