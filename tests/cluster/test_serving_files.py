"""The files that describe the service agree with Serve's schema, KubeRay's, and the service's own options."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray import serve
from ray.serve.schema import ServeDeploySchema

from ray_jobs.serving.settings import parse_settings
from tests.cluster.test_cluster_files import ROOT, text_of

MANIFEST = "deploy/rayservice.yaml"


def manifest() -> dict[str, Any]:
    (document,) = yaml.safe_load_all(text_of(MANIFEST))
    return dict(document)


def serve_configs() -> dict[str, dict[str, Any]]:
    return {
        "deploy/serve.yaml": yaml.safe_load(text_of("deploy/serve.yaml")),
        MANIFEST: yaml.safe_load(manifest()["spec"]["serveConfigV2"]),
    }


@pytest.mark.parametrize("name", serve_configs())
def test_serve_takes_the_configuration_and_the_service_its_options(name: str) -> None:
    config = serve_configs()[name]
    checked = ServeDeploySchema.model_validate(config)
    (application,) = checked.applications
    assert application.import_path == "ray_jobs.serving.replica:application"
    options = parse_settings(application.args)
    assert options.model == ("s3://YOUR-BUCKET/runs",)
    assert config["http_options"]["request_timeout_s"] == 60
    # On a machine the service is for that machine alone; in a pod Kubernetes decides.
    assert config["http_options"]["host"] == ("0.0.0.0" if name == MANIFEST else "127.0.0.1")


@pytest.mark.parametrize("name", serve_configs())
def test_the_application_is_built_from_its_import_path(name: str, tmp_path: Path) -> None:
    """As Serve builds it on the cluster: with the file's own `args`, but for the place of the model."""
    (tmp_path / "model.json").write_text("{}")
    (described,) = ServeDeploySchema.model_validate(serve_configs()[name]).applications
    module, _, builder = described.import_path.partition(":")
    given = {**described.args, "model": str(tmp_path)}
    built = getattr(importlib.import_module(module), builder)(given)
    assert isinstance(built, serve.Application)
    deployment = built._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("models", given["replicas"])
    (options,) = deployment.init_args
    assert options["model"] == [str(tmp_path)] and options["max_batch_size"] == given["max_batch_size"]
    with pytest.raises(ValueError, match="unknown option of the service: replica;"):
        getattr(importlib.import_module(module), builder)({**given, "replica": 1})


def test_the_manifest_fits_the_other_cluster() -> None:
    service, cluster = manifest()["spec"]["rayClusterConfig"], yaml.safe_load(text_of("deploy/kuberay.yaml"))["spec"]
    assert service["rayVersion"] == cluster["rayVersion"]
    assert service["authOptions"] == {"mode": "token"} and service["headGroupSpec"]["serviceType"] == "ClusterIP"
    options = parse_settings(serve_configs()[MANIFEST]["applications"][0]["args"])
    (workers,) = service["workerGroupSpecs"]
    for group in (service["headGroupSpec"], workers):
        (container,) = group["template"]["spec"]["containers"]
        assert container["image"] in text_of("deploy/Dockerfile")
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert {"containerPort": 8000, "name": "serve"} in container["ports"]
    # The head runs no replica, and the least number of workers holds them all.
    assert service["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    cpus = float(workers["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    assert workers["minReplicas"] * cpus >= options.replicas
    assert "ARG EXTRAS=serve\n" in text_of("deploy/Dockerfile")


def test_no_secret() -> None:
    for name in ("deploy/serve.yaml", MANIFEST):
        assert not re.findall(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b\d{12}\b|-----BEGIN", text_of(name))
        assert Path(ROOT, name).is_file()
