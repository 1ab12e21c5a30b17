"""The command `film-genres`: every job by a short name, with the same options as its file.

film-genres prepare --films films --store DIR
film-genres train cnn --store DIR --runs DIR
python -m ray_jobs train cnn --help
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

from ray_jobs.cli.runner import run_job

_FOLDER = Path(__file__).parent
COMMANDS = {
    "prepare": "prepare_data",
    **{f"{verb} {kind}": f"{verb}_{kind}" for verb in ("train", "tune") for kind in ("cnn", "lstm", "fusion")},
    **{name: name for name in ("ablate", "evaluate", "predict", "serve", "export", "status")},
}
"""Job file of each command."""


def main() -> None:
    """Run the job that the first words of the command line name."""
    arguments = sys.argv[1:]
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            # What a job records of its command line is the command of its file.
            sys.argv = [str(_FOLDER / f"{COMMANDS[name]}.py"), *arguments[words:]]
            job = importlib.import_module(f"ray_jobs.{COMMANDS[name]}")
            run_job(job.main, job.Options, program=f"film-genres {name}")
            return
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        return
    print(f"There is no command {' '.join(arguments[:2])!r}.\n\n{overview()}", file=sys.stderr)
    sys.exit(2)


def overview() -> str:
    """Return a line on each command: the first sentence of its job's docstring, without importing it."""
    lines = ["usage: film-genres COMMAND [OPTIONS]", ""]
    for name, job in COMMANDS.items():
        text = ast.get_docstring(ast.parse((_FOLDER / f"{job}.py").read_text(encoding="utf-8"))) or ""
        sentence = re.split(r"[.;:]\s", " ".join(text.split("\n\n")[0].split()) + " ")[0]
        lines.append(f"  {name:<14}{sentence}")
    return "\n".join([*lines, "", "film-genres COMMAND --help shows a command's options."])


if __name__ == "__main__":
    main()
