"""requirements.lock holds what pyproject.toml asks for: every package once, by version and digest, from nowhere."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.jobs import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ENTRIES = re.findall(
    r"^([\w.-]+)==(\S+)(?: ; ([^\n\\]+))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", LOCK, re.MULTILINE
)
RENEW = "run `make lock`"


def requirements() -> Iterator[Requirement]:
    """Yield what the project requires, with all extras, and to be built."""
    project = PROJECT["project"]
    groups = [project["dependencies"], PROJECT["build-system"]["requires"], *project["optional-dependencies"].values()]
    for group in groups:
        yield from (one for one in map(Requirement, group) if one.name != project["name"])


def test_the_lock_is_nothing_but_versions_and_digests() -> None:
    """Without an address, so that it serves behind any mirror of the registry."""
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    assert len(lines) == sum(1 + hashes.count("--hash") for _, _, _, hashes in ENTRIES)
    assert "://" not in LOCK and "--index" not in LOCK


def test_all_that_is_required_is_locked_within_its_limits() -> None:
    locked = {canonicalize_name(name): version for name, version, *_ in ENTRIES}
    for wanted in requirements():
        name = canonicalize_name(wanted.name)
        assert name in locked, f"{wanted} is not locked: {RENEW}"
        assert wanted.specifier.contains(locked[name], prereleases=True), (
            f"{wanted}, but {locked[name]} is locked: {RENEW}"
        )


def test_what_locked_packages_require_is_locked_too() -> None:
    """As far as they are installed here, on this system and Python."""
    locked = {canonicalize_name(name) for name, *_ in ENTRIES}
    seen: set[tuple[str, str]] = set()
    to_do = [(canonicalize_name(one.name), extra) for one in requirements() for extra in ("", *one.extras)]
    while to_do:
        name, extra = to_do.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            asked = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for one in map(Requirement, asked):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                assert canonicalize_name(one.name) in locked, f"{name} requires {one}, which is not locked: {RENEW}"
                to_do += [(canonicalize_name(one.name), inner) for inner in ("", *one.extras)]


def test_one_version_for_each_python_and_system() -> None:
    """A package that is named twice is so for different systems or Pythons."""
    names = [name for name, *_ in ENTRIES]
    assert all(marker for name, _, marker, _ in ENTRIES if names.count(name) > 1)


@pytest.mark.skipif(shutil.which("sed") is None, reason="needs sed")
def test_uv_is_taken_from_the_lock_with_its_digests() -> None:
    """The command by which make, the image and the launchers read it."""
    command = r"/^uv==/,/[^\\]$/p"
    for name in ("deploy/Dockerfile", "cluster.yaml", "deploy/gcp.yaml"):
        assert f"sed -n '{command}'" in (ROOT / name).read_text("utf-8")
    assert f"sed -n '{command.replace('$', '$$')}'" in (ROOT / "Makefile").read_text("utf-8")
    found = subprocess.run(
        ["sed", "-n", command, ROOT / "requirements.lock"], capture_output=True, text=True, check=True
    )
    first, *hashes = found.stdout.splitlines()
    assert first.startswith("uv==") and len(hashes) > 1 and all("--hash=sha256:" in line for line in hashes)


def test_the_image_passes_the_linter() -> None:
    linter = shutil.which("hadolint", path=f"{sys.prefix}/bin") or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed: it is in the extra dev")
    said = subprocess.run([linter, ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")
