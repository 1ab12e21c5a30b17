"""A training step of each model on whatever device Keras finds: films a second, share of its peak, memory.

    python benchmarks/gpu_step.py                          three minutes; TensorFlow
    KERAS_BACKEND=jax python benchmarks/gpu_step.py        on a machine with JAX and without TensorFlow

It imports Keras and this project's models, no TensorFlow and no Ray, so that it runs wherever a GPU is. The step
is Keras' own `train_on_batch` with Adam, compiled, on arrays in memory: what the device can do, without reading films.
The peak is that of a product of two large matrices in the same run; operations are counted, not measured. What a GPU
needs besides is cores that decode posters for it: those of one are measured here, and divided into its films a second.
"""

from __future__ import annotations

import importlib
import io
import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tyro

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
GENRES = 25
_BACKWARD = 3  # a step's operations against those of a forward pass: the backward pass takes twice as many
_POSTER = (330, 220)  # pixels of a poster's file, of which a store's are made


@dataclass(frozen=True)
class Options:
    """Models, batch sizes and numeric types to measure."""

    models: tuple[str, ...] = ("cnn", "lstm", "fusion")
    """Keys of the registry, each in its preset `best`."""
    batches: tuple[int, ...] = (64, 512, 2048)
    """Films of a step."""
    dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Keras' dtype policy."""
    seconds: float = 10.0
    """Of measuring each model at each size, after its step is compiled."""
    tokens: int = 32
    """Of each overview: the padded length of the median one."""
    preset: str = "best"
    """Preset of the models."""
    matrix: int = 8192
    """Rows of the square matrices whose product shows the peak; 1024 without a GPU."""


@dataclass(frozen=True)
class Measured:
    """A model's step at one size."""

    model: str
    batch: int
    films_per_second: float
    flop_per_second: float
    """Operations of the steps by calculation."""
    compile_seconds: float


def main(options: Options) -> list[Measured]:
    """Measure, and print a table."""
    import keras

    keras.config.set_dtype_policy(options.dtype)
    device, is_gpu = device_of(keras.backend.backend())
    peak = peak_of(options.matrix if is_gpu else min(options.matrix, 1024), options.dtype, min(2.0, options.seconds))
    posters = decoded_per_second()
    print(
        f"{device}, Keras {keras.__version__} on {keras.backend.backend()}, {options.dtype}: "
        f"a large product {peak / 1e12:.3g} TFLOP/s; a core decodes {posters:,.0f} posters/s"
    )
    print("| model | batch | films/s | ms a step | TFLOP/s | share of the peak | decoding cores | compiled in |")
    print("|---|---|---|---|---|---|---|---|")
    found = []
    for key in options.models:
        for batch in options.batches:
            one = measured(key, batch, options)
            found.append(one)
            cores = f"{one.films_per_second / posters:.1f}" if key != "lstm" else ""
            print(
                f"| {key} | {batch:,} | {one.films_per_second:,.0f} | {1e3 * batch / one.films_per_second:.2f} "
                f"| {one.flop_per_second / 1e12:.3g} | {one.flop_per_second / peak:.1%} | {cores} "
                f"| {one.compile_seconds:.1f} s |",
                flush=True,
            )
    print(f"Most memory: {memory_of(keras.backend.backend()) / 1e9:.2f} GB")
    return found


def measured(key: str, batch: int, options: Options) -> Measured:
    """Train a model on one batch again and again."""
    import keras

    from genre_models.models.registry import REGISTRY
    from genre_models.presets.lookup import preset

    keras.utils.clear_session()
    model = REGISTRY[key].build(preset(key, options.preset)[1], genres=GENRES)
    model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy")
    inputs, labels = films(model, batch, options.tokens)
    started = time.perf_counter()
    for _ in range(2):  # optimizer slots are made in the first one
        model.train_on_batch(inputs, labels)
    compiled = time.perf_counter() - started
    seconds = seconds_of(lambda: model.train_on_batch(inputs, labels), options.seconds)
    flop = _BACKWARD * batch * flop_of(model, options.tokens)
    return Measured(key, batch, batch / seconds, flop / seconds, compiled)


def films(model: Any, batch: int, tokens: int) -> tuple[Any, np.ndarray]:
    """Return random inputs of the model's shapes, and labels, which are the same in every run."""
    draw = np.random.default_rng(0)
    inputs = {}
    for tensor in model.inputs:
        shape = (batch, *(tokens if size is None else size for size in tensor.shape[1:]))
        is_picture = len(shape) == 4
        values = draw.integers(0 if is_picture else 1, 256, shape)
        inputs[tensor.name] = values.astype(np.uint8 if is_picture else np.int32)
    labels = (draw.random((batch, GENRES)) < 0.12).astype(np.float32)
    return (inputs if len(inputs) > 1 else next(iter(inputs.values()))), labels


def flop_of(model: Any, tokens: int) -> float:
    """Return the operations of one film's forward pass: two for each weight of a product, each time it is used.

    A weight of a convolution is used at each pixel of its output, others at each token where the layer has tokens.
    """
    total = 0.0
    for layer in model.layers:
        matrices = [weight for weight in layer.trainable_weights if len(weight.shape) >= 2]
        name = type(layer).__name__
        if not matrices or "Embedding" in name:
            continue
        shape = (layer.output if "Conv" in name else _first(layer.input)).shape
        uses = math.prod(tokens if size is None else size for size in shape[1:-1])
        total += sum(2.0 * math.prod(weight.shape) for weight in matrices) * uses
    return total


def _first(inputs: Any) -> Any:
    while isinstance(inputs, (list, tuple, dict)):
        inputs = next(iter(inputs.values() if isinstance(inputs, dict) else inputs))
    return inputs


def peak_of(size: int, dtype: str, seconds: float) -> float:
    """Return the operations a second of a product of two square matrices of this many rows, measured so long."""
    from keras import ops

    kind = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}.get(dtype, "float32")
    one = ops.cast(np.random.default_rng(0).random((size, size), np.float32), kind)

    def product() -> None:
        # A value is read, so that the device has finished; of one number, not of all.
        ops.convert_to_numpy(ops.cast(ops.matmul(one, one)[0, 0], "float32"))

    product()
    return 2.0 * size**3 / seconds_of(product, seconds)


def seconds_of(step: Callable[[], Any], least: float) -> float:
    """Return the mean time of a step, measured for at least so many seconds and three steps."""
    steps, started = 0, time.perf_counter()
    while True:
        step()
        steps += 1
        passed = time.perf_counter() - started
        if passed >= least and steps >= 3:
            return passed / steps


def decoded_per_second(seconds: float = 1.0) -> float:
    """Return the posters that one core decodes in a second, from a JPEG of a usual size to a store's pixels."""
    from PIL import Image

    from datasets.raw.posters import decode_poster

    noise = np.random.default_rng(0).integers(0, 256, (*(side // 10 for side in _POSTER), 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(_POSTER[::-1], Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return 1 / seconds_of(lambda: decode_poster(file.getvalue(), height=64, width=64), seconds)


def device_of(backend: str) -> tuple[str, bool]:
    """Return the name of the device that Keras computes on, and whether it is a GPU."""
    library = importlib.import_module("torch" if backend == "torch" else backend)
    if backend == "jax":
        device = library.devices()[0]
        return str(device.device_kind), device.platform == "gpu"
    if backend == "torch":
        there = library.cuda.is_available()
        return (str(library.cuda.get_device_name(0)) if there else "CPU"), there
    gpus = library.config.list_physical_devices("GPU")
    details = library.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return str(details.get("device_name", "GPU" if gpus else "CPU")), bool(gpus)


def memory_of(backend: str) -> float:
    """Return the most bytes in use so far: of the GPU, or without one of this process."""
    library = importlib.import_module("torch" if backend == "torch" else backend)
    if device_of(backend)[1]:
        if backend == "jax":
            return float((library.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", math.nan))
        if backend == "torch":
            return float(library.cuda.max_memory_allocated())
        return float(library.config.experimental.get_memory_info("GPU:0")["peak"])
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
