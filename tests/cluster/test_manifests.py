"""The manifests for Kubernetes fit KubeRay's own schema, and each job's cluster is the one cluster."""

from __future__ import annotations

import functools
import gzip
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster.test_cluster_files import RAYJOBS, ROOT, text_of

MANIFESTS = ("deploy/kuberay.yaml", "deploy/rayservice.yaml", *RAYJOBS)


def manifest(name: str) -> dict[str, Any]:
    (document,) = yaml.safe_load_all(text_of(name))
    return dict(document)


def closed(schema: Any) -> Any:
    """Return a schema of Kubernetes as JSON Schema that refuses fields it does not know, as the API server does."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


@functools.cache
def schema_of(kind: str, folder: Path) -> jsonschema.Draft7Validator:
    """Return the check of a kind of object by KubeRay's definition of it; skip the test where that is not here."""
    path = folder / f"ray.io_{kind.lower()}s.yaml.gz"
    if not path.is_file():
        pytest.skip(f"KubeRay's schema is not at {path}: name its folder with --kuberay-schemas")
    definition = yaml.load(gzip.decompress(path.read_bytes()), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1"]
    return jsonschema.Draft7Validator(closed(version["schema"]["openAPIV3Schema"]))


@pytest.mark.parametrize("name", MANIFESTS)
def test_kuberay_takes_the_manifest(name: str, request: pytest.FixtureRequest) -> None:
    document = manifest(name)
    check = schema_of(document["kind"], Path(request.config.getoption("--kuberay-schemas")))

    def faults() -> list[str]:
        return [f"{'.'.join(map(str, error.path))}: {error.message:.200}" for error in check.iter_errors(document)]

    assert faults() == []
    document["spec"]["replica"] = 1
    assert len(faults()) == 1


@pytest.mark.parametrize("name", RAYJOBS)
def test_a_job_has_the_one_cluster_and_ends_it(name: str) -> None:
    job = manifest(name)
    assert job["metadata"]["name"] == f"film-genres-{Path(name).stem}"
    assert job["spec"]["rayClusterSpec"] == manifest("deploy/kuberay.yaml")["spec"]
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    assert job["spec"]["activeDeadlineSeconds"] > 0


def test_every_manifest_is_checked() -> None:
    kinds = {path for path in (ROOT / "deploy").rglob("*.yaml") if "ray.io/v1" in path.read_text("utf-8")}
    assert {ROOT / name for name in MANIFESTS} == kinds
    # Autoscalers of one version everywhere, and pods that it replaces instead of Kubernetes.
    for name in MANIFESTS:
        spec = manifest(name)["spec"]
        cluster = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
        assert cluster["autoscalerOptions"]["version"] == "v2"
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            assert group["template"]["spec"]["restartPolicy"] == "Never"
