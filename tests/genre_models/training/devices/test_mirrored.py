"""A worker with two devices trains as a worker with one: the same films, the same batches, the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import ROOT

STEPS = 3  # batches of an epoch


def compare() -> dict[str, Any]:
    """Train on one device and on two, in a process that has two; return losses and weights of both."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import numpy as np

    from genre_models.training.trainer import set_up_tensorflow
    from tests.genre_models.training import tiny_training as tiny

    one = set_up_tensorflow(workers=1)
    with pytest.raises(RuntimeError, match="2 GPUs are reserved for this worker, and TensorFlow sees 0"):
        set_up_tensorflow(workers=1, devices=2)
    # A low rate: on raw pixels a high one would multiply what rounding differs by.
    recipe = replace(tiny.RECIPE, learning_rate=1e-5, ema_decay=0.9, clip_norm=0.5)
    # Filling, which counts nothing, lies in the second device's half alone.
    weights = np.ones(len(tiny.TRAIN[0]), np.float32)
    weights[-1] = 0
    found: dict[str, Any] = {}
    for name, strategy in (("one", one), ("two", tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]))):
        state = tiny.train(
            strategy, recipe, build=tiny.dense, training=lambda _: tiny.batches(*tiny.TRAIN, weights=weights)
        )
        found[name] = {
            "losses": tiny.losses(state),
            "precision": [epoch.precision for epoch in state.history],
            "map": [epoch.validation_mean_average_precision for epoch in state.history],
            "weights": [float(value) for weight in state.model.trainable_variables for value in np.ravel(weight)],
            "steps": int(state.optimizer.iterations.numpy()),
        }
    stacked = tiny.train(
        tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]), recipe, build=tiny.dense, steps_per_execution=STEPS
    )
    found["stacked"] = {"losses": tiny.losses(stacked), "steps": int(stacked.optimizer.iterations.numpy())}
    found["unstacked"] = {"losses": tiny.losses(tiny.train(one, recipe, build=tiny.dense))}
    return found


@pytest.mark.slow
def test_two_devices_of_a_worker_train_as_one(tmp_path: Path) -> None:
    """In a process of its own: TensorFlow's devices are chosen before it computes."""
    code = "import sys, json, pathlib; from tests.genre_models.training.devices.test_mirrored import compare;"
    code += "pathlib.Path(sys.argv[1]).write_text(json.dumps(compare()))"
    subprocess.run([sys.executable, "-c", code, tmp_path / "found.json"], cwd=ROOT, check=True, timeout=300)
    found = json.loads((tmp_path / "found.json").read_text())
    one, two = found["one"], found["two"]
    assert one["steps"] == two["steps"] == 2 * STEPS
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert two["weights"] == pytest.approx(one["weights"], abs=1e-5)
    assert two["precision"] == pytest.approx(one["precision"]) and two["map"] == pytest.approx(one["map"])
    assert found["stacked"]["steps"] == 2 * STEPS
    assert found["stacked"]["losses"] == pytest.approx(found["unstacked"]["losses"], rel=1e-5)
