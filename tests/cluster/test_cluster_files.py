"""The files that describe clusters agree with Ray's rules, with pyproject.toml and with the jobs' options."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
import sys
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
FILES = ("cluster.yaml", "deploy/Dockerfile", "deploy/kuberay.yaml", "deploy/README.md")
JOBS = ("prepare_data", "train_cnn", "train_lstm", "tune_cnn", "tune_lstm", "evaluate")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(text_of("pyproject.toml"))["project"]


@pytest.fixture(scope="module")
def wanted(project: dict[str, Any]) -> dict[str, Requirement]:
    """What pyproject.toml requires, by package."""
    return {requirement.name: requirement for requirement in map(Requirement, project["dependencies"])}


@pytest.fixture(scope="module")
def launcher() -> dict[str, Any]:
    """cluster.yaml with Ray's defaults filled in, as `ray up` does before it asks AWS for anything."""
    config = prepare_config(yaml.safe_load(text_of("cluster.yaml")))
    validate_config(config)
    return config


@pytest.fixture(scope="module")
def kuberay() -> dict[str, Any]:
    (document,) = yaml.safe_load_all(text_of("deploy/kuberay.yaml"))
    assert (document["apiVersion"], document["kind"]) == ("ray.io/v1", "RayCluster")
    return document["spec"]


# -- who has GPUs, who comes and goes ---------------------------------------------------------------------------------


def test_launcher_has_a_cpu_head_and_gpu_workers_from_none(launcher: dict[str, Any]) -> None:
    types = dict(launcher["available_node_types"])
    head = types.pop(launcher["head_node_type"])
    assert head["resources"].get("GPU", 0) == 0
    assert head["resources"]["CPU"] >= 1  # Ray Data reads films before there are workers
    assert head["max_workers"] == 0
    assert launcher["idle_timeout_minutes"] > 0
    assert all(worker["min_workers"] == 0 for worker in types.values())
    with_gpu = [worker for worker in types.values() if worker["resources"].get("GPU", 0)]
    assert with_gpu
    assert all(1 <= worker["max_workers"] <= launcher["max_workers"] for worker in with_gpu)


def test_kuberay_has_a_cpu_head_and_gpu_workers_from_none(kuberay: dict[str, Any]) -> None:
    def limits(group: dict[str, Any]) -> dict[str, Any]:
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        return container["resources"]["limits"]

    assert kuberay["enableInTreeAutoscaling"] is True
    assert kuberay["autoscalerOptions"]["idleTimeoutSeconds"] > 0
    assert "nvidia.com/gpu" not in limits(kuberay["headGroupSpec"])
    groups = kuberay["workerGroupSpecs"]
    assert all(group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"] for group in groups)
    assert [limits(group)["nvidia.com/gpu"] for group in groups if "nvidia.com/gpu" in limits(group)] == [1]


# -- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES[:3])
def test_versions_agree_with_pyproject(name: str, wanted: dict[str, Requirement]) -> None:
    found = re.findall(r"\b(ray|tensorflow|keras)(?:\[[\w,-]+\])?(==[\d.*]+)", text_of(name))
    found += [("ray", f"=={version}") for version in re.findall(r"ray-(\d+\.\d+\.\d+)-(?:cpu|gpu)", text_of(name))]
    assert "ray" in {package for package, _ in found}
    for package, pin in found:
        lowest = Version(pin.removeprefix("==").replace("*", "0"))
        assert lowest in wanted[package].specifier, f"{package}{pin} is not {wanted[package]}"
        assert len(lowest.release) >= 3 or pin == str(wanted[package].specifier), f"{package}{pin} allows more"


def test_every_node_has_the_same_ray_and_python(
    kuberay: dict[str, Any], project: dict[str, Any], launcher: dict[str, Any], wanted: dict[str, Requirement]
) -> None:
    setup, container = "\n".join(launcher["setup_commands"]), text_of("deploy/Dockerfile")
    (ray,) = re.findall(r"ray\[.*\]==(\d+\.\d+\.\d+)", setup)
    assert re.findall(r'^ARG RAY=".*==(.+)"', container, re.MULTILINE) == [ray] == [kuberay["rayVersion"]]
    assert Version(ray) in wanted["ray"].specifier
    groups = [kuberay["headGroupSpec"], *kuberay["workerGroupSpecs"]]
    images = [container["image"] for group in groups for container in group["template"]["spec"]["containers"]]
    assert all(f":ray-{ray}-" in image and image in text_of("deploy/Dockerfile") for image in images)
    (python,) = re.findall(r"--python (\d+\.\d+\.\d+)", setup)
    assert re.findall(r"^FROM python:([\d.]+)-", container, re.MULTILINE) == [python]
    assert Version(python) in SpecifierSet(project["requires-python"])


def test_nodes_install_what_the_project_requires(launcher: dict[str, Any], project: dict[str, Any]) -> None:
    mounts = {Path(there).name: (there, here) for there, here in launcher["file_mounts"].items()}
    there, here = mounts["pyproject.toml"]
    assert (ROOT / here).resolve() == ROOT / "pyproject.toml"
    assert f"-r {there.replace('/home/ubuntu', '~')}" in "\n".join(launcher["setup_commands"])
    # Ray runs the common setup on every node, then the worker's own on workers.
    assert re.search(r"tensorflow\[and-cuda\]==", "\n".join(launcher["worker_setup_commands"]))
    assert not re.search(r"and-cuda", "\n".join(launcher["head_setup_commands"]))

    container = text_of("deploy/Dockerfile")
    assert "tensorflow[and-cuda]==" in container
    copied = {source for line in re.findall(r"^COPY (.+)", container, re.MULTILINE) for source in line.split()[:-1]}
    packages = tomllib.loads(text_of("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert copied == {package.split(".")[0] for package in packages} | {"pyproject.toml", project["readme"]}


# -- who gets in ------------------------------------------------------------------------------------------------------


def test_clusters_let_in_only_who_has_the_token(launcher: dict[str, Any], kuberay: dict[str, Any]) -> None:
    (start,) = [command for command in launcher["head_start_ray_commands"] if "ray start" in command]
    assert "--dashboard-host=127.0.0.1" in shlex.split(start)
    assert any("RAY_AUTH_MODE=token" in command for command in launcher["setup_commands"])
    assert launcher["file_mounts"]["/home/ubuntu/.ray/auth_token"] == "~/.ray/auth_token"
    # Ray opens SSH to everybody in a group that it makes itself: one is named, and no rule is added to it.
    assert launcher["provider"]["security_group"] == {"GroupName": "film-genres"}
    assert kuberay["authOptions"] == {"mode": "token"}
    assert kuberay["headGroupSpec"]["serviceType"] == "ClusterIP"


@pytest.mark.parametrize("name", FILES)
def test_no_secret_or_account_number(name: str) -> None:
    secrets = (
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # access keys
        r"(?i)secret_?access_?key",
        r"\b\d{12}\b",  # account numbers, also inside an ARN
        r"\b(?:sg|subnet|vpc|ami|fs)-[0-9a-f]{8,17}\b",
        r"-----BEGIN",
    )
    assert [found for pattern in secrets for found in re.findall(pattern, text_of(name))] == []


# -- commands ---------------------------------------------------------------------------------------------------------


def flags_of(job: str) -> set[str]:
    """Every flag a job takes: fields of its options, those of `recipe` and `model` among them without a prefix."""
    options = importlib.import_module(f"ray_jobs.{job}").Options
    flags: set[str] = set()
    for name, kind in typing.get_type_hints(options).items():
        names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else [name]
        flags |= {f"--{one.replace('_', '-')}" for one in names}
    return flags


def commands_in(name: str) -> list[tuple[str, list[str]]]:
    """Every `ray_jobs/JOB.py` command in a file, with its flags."""
    commands = re.findall(r"ray_jobs/(\w+)\.py([^\n`\"']*)", text_of(name))
    return [(job, re.findall(r"--[\w-]+", rest)) for job, rest in commands]


@pytest.mark.parametrize("name", ["cluster.yaml", "deploy/kuberay.yaml", "deploy/README.md"])
def test_commands_are_ones_the_jobs_take(name: str) -> None:
    commands = commands_in(name)
    assert commands
    for job, flags in commands:
        assert job in JOBS and (ROOT / "ray_jobs" / f"{job}.py").is_file()
        assert flags, f"{job} without a flag writes to the node's own disk"
        assert set(flags) <= flags_of(job)


def test_readme_has_every_job_and_nothing_is_left_on_a_node() -> None:
    commands = commands_in("deploy/README.md")
    assert [job for job, _ in commands] == list(JOBS)
    # Options whose default is a folder on the node's own disk must be given.
    places = {"films", "store", "runs", "report"}
    for job, flags in commands:
        options = sys.modules.get(f"ray_jobs.{job}") or importlib.import_module(f"ray_jobs.{job}")
        with_default = {field.name for field in dataclasses.fields(options.Options) if field.default}
        assert {f"--{place}" for place in places & with_default} <= set(flags)


def test_training_commands_share_their_batch_equally() -> None:
    for job, rest in re.findall(r"ray_jobs/(train_\w+)\.py([^\n`]*)", text_of("deploy/README.md")):
        workers = int(re.findall(r"--workers (\d+)", rest)[0])
        recipe = importlib.import_module(f"ray_jobs.{job}").Options().recipe
        assert recipe.batch_size % workers == 0
        assert "--use-gpu" in rest
