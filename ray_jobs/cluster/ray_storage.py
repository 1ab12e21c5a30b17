"""Ray's own files of runs and sweeps, on the filesystem of their folder."""

from __future__ import annotations

from typing import Any

from datasets.storage import files


def ray_storage(path: str) -> dict[str, Any]:
    """Return the storage arguments of a `RunConfig` of Ray Train or Ray Tune.

    Remote folders come with their filesystem: Ray would make one that knows neither all of a URI's options nor the
    number of tries.
    """
    if files.is_local(path):
        return {"storage_path": path}
    filesystem, inner = files.resolve(path)
    return {"storage_path": inner, "storage_filesystem": filesystem}
