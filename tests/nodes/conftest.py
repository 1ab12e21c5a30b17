"""The cluster that tests of several nodes share, and its films."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.sample.films import write_sample
from tests.nodes.machines import PYTHON, Cluster, Network, network, why_not

FILMS = 200
STORE = "s3://films/store"  # at AWS_ENDPOINT_URL, which each machine has


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Make a network of machines with films in its bucket."""
    if not request.config.getoption("--nodes"):
        pytest.skip("takes minutes: `make test-nodes`, or --nodes")
    moto = request.config.getoption("--moto")
    if why := why_not(moto):
        pytest.skip(why)
    with network(moto) as machines:
        folder = tmp_path_factory.mktemp("films") / "films"
        write_sample(folder, films=FILMS, seed=0, progress=lambda _: None)
        upload(machines, folder, "films")
        yield machines


def upload(machines: Network, folder: Path, path: str) -> None:
    """Copy a folder of the user's into the bucket."""
    code = (
        "import sys, pathlib; from datasets.storage import files; files.upload(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    machines.s3.run(PYTHON, "-c", code, folder, machines.uri(path), inside=False)


@pytest.fixture(scope="module")
def cluster(made: Network) -> Cluster:
    """Return a cluster of a head and a node, of one CPU each, with a store of 200 films in the bucket."""
    cluster = Cluster(made)
    cluster.start_head()
    cluster.join(cluster.add())
    said = cluster.submit("ray_jobs/prepare_data.py", "--films", "s3://films/films", "--store", STORE)
    assert f"{FILMS} films" in said
    return cluster
