"""The files that describe clusters agree with Ray's rules, with pyproject.toml and with the jobs' options."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import re
import shlex
import sys
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated.autoscaler_pb2 import GangResourceRequest

from ray_jobs.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
LAUNCHERS = ("cluster.yaml", "deploy/gcp.yaml")
RAYJOBS = tuple(f"deploy/rayjobs/{job}.yaml" for job in ("prepare", "train", "tune", "evaluate"))
FILES = (*LAUNCHERS, "deploy/Dockerfile", "deploy/kuberay.yaml", "deploy/README.md", "docs/cluster.md", *RAYJOBS)
JOBS = ("prepare_data", "train_cnn", "train_lstm", "tune_cnn", "tune_lstm", "evaluate")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(text_of("pyproject.toml"))["project"]


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """The version of each package in the lock."""
    return dict(re.findall(r"^([\w.-]+)==([^ ;]+)", text_of("requirements.lock"), re.MULTILINE))


@pytest.fixture(scope="module", params=LAUNCHERS)
def launcher(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A file with Ray's defaults filled in, as `ray up` does before it asks the cloud for anything."""
    config = prepare_config(yaml.safe_load(text_of(request.param)))
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


def test_spot_nodes_come_first_and_others_where_there_are_none(launcher: dict[str, Any]) -> None:
    """By Ray's own scheduler of its autoscaler, version 2."""
    types = AutoscalingConfig(launcher, skip_content_hash=True).get_node_type_configs()

    def launched(gpus: int, **availability: float) -> dict[str, int]:
        request = SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs=types,
            max_num_nodes=launcher["max_workers"],
            gang_resource_requests=[
                GangResourceRequest(requests=[ResourceRequestUtil.make({"CPU": 1, "GPU": 1}) for _ in range(gpus)])
            ],
            recoverable_resource_availabilities={
                name.replace("_", "-"): is_there for name, is_there in availability.items()
            },
        )
        reply = ResourceDemandScheduler(logging.getLogger(__name__)).schedule(request)
        assert not reply.infeasible_gang_resource_requests
        return {launch.instance_type: launch.count for launch in reply.to_launch if launch.instance_type != "head"}

    assert launched(4) == {"gpu-spot": 4}
    assert launched(4, gpu_spot=0.0) == {"gpu": 4}
    assert launched(10) == {"gpu-spot": 8, "gpu": 2}


def test_launchers_are_one_cluster_on_two_clouds() -> None:
    aws, gcp = (yaml.safe_load(text_of(name)) for name in LAUNCHERS)
    for key in ("max_workers", "idle_timeout_minutes", "head_node_type", "file_mounts", "worker_setup_commands",
                "head_start_ray_commands", "worker_start_ray_commands", "setup_commands"):  # fmt: skip
        assert aws[key] == gcp[key], key
    kinds = [
        {name: {**kind, "node_config": None} for name, kind in one["available_node_types"].items()}
        for one in (aws, gcp)
    ]
    assert kinds[0] == kinds[1]


# -- versions ---------------------------------------------------------------------------------------------------------


def test_every_node_has_the_same_ray_and_python(
    kuberay: dict[str, Any], project: dict[str, Any], launcher: dict[str, Any], locked: dict[str, str]
) -> None:
    container = text_of("deploy/Dockerfile")
    assert kuberay["rayVersion"] == locked["ray"]
    groups = [kuberay["headGroupSpec"], *kuberay["workerGroupSpecs"]]
    images = [container["image"] for group in groups for container in group["template"]["spec"]["containers"]]
    assert all(f":ray-{locked['ray']}-" in image and image in text_of("deploy/Dockerfile") for image in images)
    (python,) = re.findall(r"--python (\d+\.\d+\.\d+)", "\n".join(launcher["setup_commands"]))
    assert re.findall(r"^FROM python:([\d.]+)-", container, re.MULTILINE) == [python]
    assert Version(python) in SpecifierSet(project["requires-python"])


def test_nodes_install_what_the_project_requires_from_the_lock(
    launcher: dict[str, Any], project: dict[str, Any]
) -> None:
    # Ray puts the common setup before the head's and the workers' own.
    commands = dict.fromkeys(
        command for when in ("setup", "head_setup", "worker_setup") for command in launcher[f"{when}_commands"]
    )
    for name in ("pyproject.toml", "requirements.lock"):
        (mount,) = [there for there, here in launcher["file_mounts"].items() if here == name]
        assert mount == f"/home/ubuntu/setup/{name}"
    installs = [command for command in commands if "uv pip install" in command]
    assert len(installs) == 3
    assert all("-c ~/setup/requirements.lock -r ~/setup/pyproject.toml" in command for command in installs)
    extras = [re.findall(r"--extra (\w+)", command) for command in installs]
    assert extras == [[], [{"aws": "aws", "gcp": "gcp"}[launcher["provider"]["type"]]], ["cuda"]]
    container = text_of("deploy/Dockerfile")
    assert set(re.findall(r"EXTRAS=([\w,]+)", container)) == {"serve", "serve,cuda"}
    for extra in {"aws", "gcp", "serve", "cuda"}:
        assert extra in project["optional-dependencies"]
    copied = {source for line in re.findall(r"^COPY (.+)", container, re.MULTILINE) for source in line.split()[:-1]}
    packages = tomllib.loads(text_of("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert copied == {*packages, "pyproject.toml", "requirements.lock", project["readme"], *project["license-files"]}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_fetched_without_a_version(name: str) -> None:
    """No script from the network into a shell, and no package but by the lock."""
    text = text_of(name)
    assert not re.search(r"(?:curl|wget)[^\n]*\|", text)
    for install in re.findall(r"(?<!-c )\bpip3? install ([^\n]*)", text):
        assert (
            "--require-hashes" in install or re.search(r"requirements\.lock|-e \"?\.", install) or "boto3" in install
        ), install


# -- who gets in ------------------------------------------------------------------------------------------------------


def test_clusters_let_in_only_who_has_the_token(launcher: dict[str, Any], kuberay: dict[str, Any]) -> None:
    (start,) = [command for command in launcher["head_start_ray_commands"] if "ray start" in command]
    assert "--dashboard-host=127.0.0.1" in shlex.split(start)
    assert any("RAY_AUTH_MODE=token" in command for command in launcher["setup_commands"])
    assert launcher["file_mounts"]["/home/ubuntu/.ray/auth_token"] == "~/.ray/auth_token"
    # On AWS Ray opens SSH to everybody in a group that it makes itself: one is named, and no rule is added to it.
    if launcher["provider"]["type"] == "aws":
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
    """Every `ray_jobs/JOB.py` or `film-genres COMMAND` in a file, with its flags."""
    commands = re.findall(r"ray_jobs/(\w+)\.py([^\n`\"']*)", text_of(name))
    for words, rest in re.findall(r"^ *film-genres ((?:[a-z]+ )+)(--[^\n]*)", text_of(name), re.MULTILINE):
        commands.append((COMMANDS[words.strip()], rest))
    return [(job, re.findall(r"--[\w-]+", rest)) for job, rest in commands]


@pytest.mark.parametrize(
    "name", ["cluster.yaml", "deploy/kuberay.yaml", "deploy/README.md", "docs/cluster.md", *RAYJOBS]
)
def test_commands_are_ones_the_jobs_take(name: str) -> None:
    commands = commands_in(name)
    assert commands
    for job, flags in commands:
        assert (ROOT / "ray_jobs" / f"{job}.py").is_file()
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
