"""Help of every job: short and in order of use, complete on request; the words of a job outside the environment."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datasets.raw.rejects import FilmsError
from datasets.store.film_store import StoreError
from genre_models.presets import lookup
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.help import help_text
from ray_jobs.cli.paths import require_paths
from tests.jobs import ROOT, run_here

JOBS = sorted(path.stem for path in (ROOT / "ray_jobs").glob("[a-z]*.py") if "run_job(" in path.read_text("utf-8"))


def options_of(job: str) -> type[Any]:
    return importlib.import_module(f"ray_jobs.{job}").Options


def help_of(job: str, *, everything: bool = False) -> str:
    options = options_of(job)
    description = importlib.import_module(f"ray_jobs.{job}").__doc__ or ""
    return help_text(options, options(), description, f"{job}.py", everything=everything)


def names(text: str) -> list[str]:
    return re.findall(r"^  --([a-z0-9\-]+)", text, flags=re.MULTILINE)


def fields(kind: Any) -> list[str]:
    found = []
    for field in dataclasses.fields(kind):
        value = getattr(kind, field.name)
        found += fields(value) if dataclasses.is_dataclass(value) else [field.name.replace("_", "-")]
    return found


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("job", JOBS)
def test_help_is_under_60_lines(job: str, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = help_of(job).splitlines()
    assert len(lines) < 60 and lines[-1] == f"--help-all shows all {len(fields(options_of(job)()))} options."
    for line in lines:
        assert len(line) <= 110 or line.startswith("    python") or line.startswith("    ray job")


@pytest.mark.parametrize("job", JOBS)
def test_help_all_has_every_option_once(job: str) -> None:
    text = help_of(job, everything=True)
    assert sorted(names(text)) == sorted(fields(options_of(job)()))


def test_the_most_used_options_come_first() -> None:
    assert names(help_of("train_lstm"))[:5] == ["store", "runs", "name", "preset", "epochs"]
    assert names(help_of("prepare_data"))[:2] == ["films", "store"]
    text = help_of("train_fusion")
    assert "--preset {" + ",".join(lookup.names("fusion")) + "}" in text and "coursework}" not in text


def test_a_switch_that_is_on_says_so() -> None:
    text = help_of("evaluate")
    assert "  --ensemble, --no-ensemble\n" in text and "no retraining) (default: yes)" in " ".join(text.split())


def test_paragraphs_are_reflowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the source do not show: each is filled up to where the next word would not fit."""
    monkeypatch.setenv("COLUMNS", "100")
    lines = help_of("train_cnn", everything=True).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  --init-from"))
    entry = [line[26:] for line in lines[start : start + 5]]
    end = next(place for place, line in enumerate(entry) if line.endswith("afterwards"))
    for line, after in itertools.pairwise(entry[: end + 1]):
        assert len(line) + 1 + len(after.split()[0]) > 74


def test_help_that_nobody_reads_to_its_end_is_no_error() -> None:
    command = [sys.executable, "ray_jobs/train_cnn.py", "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None and job.stderr is not None
        job.stdout.close()
        said = job.stderr.read()
    assert (job.returncode, said) == (0, "")


def test_help_of_a_preset_shows_its_values() -> None:
    said = run_here("train_lstm", "--preset", "best", "--help").stdout
    recipe, _ = lookup.preset("lstm", "best")
    assert f"(default: {recipe.epochs})" in said and "usage: train_lstm.py" in said


def test_a_job_outside_the_environment_names_the_command(tmp_path: Path) -> None:
    """Without site-packages, as another Python has none of ours; no Ray and no package of the project is found."""
    for folder in ("ray_jobs", "ray_jobs/cli"):
        (tmp_path / folder).mkdir()
    for name in ("train_cnn.py", "cli/__init__.py", "cli/environment.py"):
        shutil.copy(ROOT / "ray_jobs" / name, tmp_path / "ray_jobs" / name)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "ray_jobs/train_cnn.py"]

    def stderr() -> str:
        ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=False)
        assert ended.returncode == 1 and "Traceback" not in ended.stderr
        return ended.stderr

    assert f"    make -C {tmp_path} install && . {tmp_path}/.venv/bin/activate\n" in stderr()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    assert f"\n    . {tmp_path}/.venv/bin/activate\n" in stderr()


def test_paths_are_checked_before_ray_starts(tmp_path: Path) -> None:
    evaluate, train = options_of("evaluate"), options_of("train_cnn")
    nothing = str(tmp_path / "nothing")
    with pytest.raises(StoreError, match="there is no film store at"):
        require_paths(train(store=nothing))
    with pytest.raises(FilmsError, match="does not exist"):
        require_paths(options_of("prepare_data")(films=nothing))
    with pytest.raises(TrainError, match=r"--init-from .*nothing: there is no such file"):
        require_paths(train(init_from=nothing))
    with pytest.raises(TrainError, match=r"--reference .*nothing: there is no such file"):
        require_paths(evaluate(reference=(str(tmp_path), nothing)))
    require_paths(train(init_from=str(tmp_path)))


def test_every_job_says_so_outside_the_environment() -> None:
    """Before it imports anything of the project's."""
    for job in JOBS:
        text = (ROOT / "ray_jobs" / f"{job}.py").read_text("utf-8")
        imports = [line for line in text.splitlines() if re.match(r"(import|from) (?!__future__|importlib)", line)]
        assert text.index('importlib.import_module("cli.environment")') < text.index(imports[0]), job
