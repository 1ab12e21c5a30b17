"""A model of the time of a training step on many workers: compute, all-reduce, waiting, input.

    python benchmarks/step_time.py                      8, 64 and 512 GPUs by the assumptions below
    python benchmarks/step_time.py --gpu-utilisation 0.05 --ethernet-gb-s 3

`benchmarks/scale_out.py` fits the same formulas to steps that it measures on this machine's cores and says how far off
they are. Nothing here was measured on several GPUs: each assumption is an option, with where it comes from.

With N workers, b films a worker, G bytes of gradients:

    compute   s + c b                       s: what a step costs whatever its batch; c: seconds a film
    ring      2 (N - 1) a + 2 (N - 1)/N G/B a: seconds a hop; B: bytes/s between neighbours (Patarasuk & Yuan 2009)
    waiting   d sqrt(2 ln N) compute        the slowest of N workers whose steps spread by the share d
    input     b / (bytes or films a second that the cores of a worker deliver), hidden behind compute while shorter

Across nodes the all-reduce is hierarchical: summed in each node over NVLink, then each GPU rings its own eighth with
its fellows in the other nodes, then spread in each node. Nothing of it is taken to overlap with the backward pass.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

TOKENS = 32  # of the median overview, padded
_MB = 1e6


@dataclass(frozen=True)
class Options:
    """What is assumed of GPUs and the wires between them."""

    gpus: tuple[int, ...] = (1, 8, 64, 512)
    """Sizes to predict."""
    batches: tuple[int, ...] = (64, 1024)
    """Films of each GPU's batch."""
    gpu_tflop_s: float = 494.0
    """Peak of a GPU, TFLOP/s: an H100 SXM in TF32 without sparsity (NVIDIA's data sheet)."""
    gpu_utilisation: float = 0.1
    """Share of the peak that these layers reach. They are small (64-pixel posters, 256 units); large reach half."""
    overhead_ms: float = 4.0
    """A step's launches and Python, whatever its batch: some 600 kernels of 5 µs, and the call."""
    lstm_token_ms: float = 0.5
    """What each token adds to that in a step of the LSTM, whose time loop is written out while recurrent dropout is on:
    two layers, two directions, some 25 kernels of 5 µs. Without recurrent dropout cuDNN runs the loop: some 0.02."""
    gpus_a_node: int = 8
    nvlink_gb_s: float = 150.0
    """Bytes/s of a ring in a node for messages of some 10 MB; 360 for those of 1 GB (nccl-tests on HGX H100)."""
    nvlink_hop_us: float = 5.0
    ethernet_gb_s: float = 12.5
    """Bytes/s of a whole node to the others: 100 Gbit/s. InfiniBand of 400 Gbit/s a GPU is 400."""
    ethernet_hop_us: float = 30.0
    spread: float = 0.02
    """Share by which the steps of a worker spread."""
    gradient_bytes: int = 4
    """Bytes of a gradient on the wire: 4 of float32, 2 of bfloat16."""


@dataclass(frozen=True)
class Model:
    """What a model asks of a machine."""

    name: str
    uses_overview: bool
    """Whether it steps through an overview token by token."""
    parameters: int
    flop: float
    """Floating-point operations of a film's forward pass; the backward pass takes twice as many."""


def ring_seconds(workers: int, size: float, hop: float, bandwidth: float) -> float:
    """Return how long a ring all-reduce of `size` bytes takes: `hop` seconds a message, `bandwidth` bytes/s."""
    if workers == 1:
        return 0.0
    return 2 * (workers - 1) * hop + 2 * (workers - 1) / workers * size / bandwidth


def hierarchical_seconds(gpus: int, size: float, options: Options) -> float:
    """Return how long an all-reduce within nodes and then across them takes."""
    here = min(gpus, options.gpus_a_node)
    within = ring_seconds(here, size, options.nvlink_hop_us * 1e-6, options.nvlink_gb_s * 1e9)
    # Each GPU of a node sends its own part, at the same time as the others send theirs: the node's wire carries all.
    across = ring_seconds(gpus // here, size, options.ethernet_hop_us * 1e-6, options.ethernet_gb_s * 1e9)
    return within + across


def waiting_share(workers: int, spread: float) -> float:
    """Return by what share the slowest of N normally spread steps is expected to be longer than the mean, about."""
    return spread * math.sqrt(2 * math.log(workers)) if workers > 1 else 0.0


def gradient_traffic(workers: int, parameters: int, gradient_bytes: int = 4) -> float:
    """Return the bytes that each worker sends, and gets, in a step's ring all-reduce."""
    return 2 * (workers - 1) / workers * parameters * gradient_bytes


# -- fitted to measured steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A measured step of one of `workers`, each with `batch` films and a thread of its own."""

    workers: int
    batch: int
    seconds: float


@dataclass(frozen=True)
class Fit:
    """The formulas' constants on this machine."""

    fixed_s: float
    film_s: float
    sharing: float
    """Times that compute takes while all cores do, against one core alone."""
    hop_s: float
    bandwidth: float
    """Bytes/s."""
    cores: int

    def seconds(self, workers: int, batch: int, size: float) -> float:
        """Return the predicted step; more workers than cores take turns, at computing and at sending alike."""
        turns = max(1.0, workers / self.cores) * (self.sharing if workers > 1 else 1.0)
        ring = ring_seconds(workers, size, self.hop_s, self.bandwidth)
        return turns * (self.fixed_s + self.film_s * batch) + max(1.0, workers / self.cores) * ring


def fit(alone: Sequence[Step], together: Sequence[Step], rings: Sequence[tuple[int, float, float]], cores: int) -> Fit:
    """Fit the constants by least squares of relative errors, each to what it describes alone.

    Args:
        alone: steps of one worker, of at least two batch sizes.
        together: steps of several workers that compute at the same time, and send nothing.
        rings: (workers, bytes, seconds) of all-reduces alone.
        cores: cores of the machine.
    """
    fixed, film = _least_squares([(1.0, step.batch) for step in alone], [step.seconds for step in alone])
    turns = [
        step.seconds / ((fixed + film * step.batch) * max(1.0, step.workers / cores))
        for step in together
        if step.workers > 1
    ]
    hop, byte = _least_squares(
        [(2.0 * (n - 1), 2 * (n - 1) / n * size) for n, size, _ in rings],
        [seconds / max(1.0, n / cores) for n, _, seconds in rings],
    )
    return Fit(fixed, film, float(np.median(turns)) if turns else 1.0, hop, 1 / byte if byte else math.inf, cores)


def _least_squares(columns: Sequence[tuple[float, float]], seconds: Sequence[float]) -> tuple[float, float]:
    from scipy.optimize import nnls

    wanted = np.asarray(seconds)
    found, _ = nnls(np.asarray(columns) / wanted[:, None], np.ones(len(wanted)))
    return float(found[0]), float(found[1])


# -- predicted on GPUs ------------------------------------------------------------------------------------------------


def models() -> list[Model]:
    """Build both models at the coursework's size and count."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from genre_models.models.registry import REGISTRY

    found = []
    for key in ("cnn", "lstm"):
        built = REGISTRY[key].build(REGISTRY[key].config_class(), genres=25)
        found.append(Model(key, REGISTRY[key].modality == "overview", built.count_params(), flop_of(built, TOKENS)))
    return found


def flop_of(model: Any, tokens: int) -> float:
    """Return the operations of one film's forward pass: two for each weight of a product, each time it is used."""
    total = 0.0
    for layer in model.layers:
        matrices = [weight for weight in layer.trainable_weights if len(weight.shape) >= 2]
        name = type(layer).__name__
        uses = (
            math.prod(layer.output.shape[1:3])
            if name == "Conv2D"
            else {"Dense": 1, "Bidirectional": tokens}.get(name, 0)
        )
        total += sum(2.0 * math.prod(weight.shape) for weight in matrices) * uses
    return total


def predicted(model: Model, gpus: int, batch: int, options: Options) -> dict[str, float]:
    """Return the parts of a step, in seconds, and films a second of all GPUs together."""
    rate = options.gpu_tflop_s * 1e12 * options.gpu_utilisation
    overhead = options.overhead_ms + (options.lstm_token_ms * TOKENS if model.uses_overview else 0.0)
    compute = overhead / 1e3 + batch * 3 * model.flop / rate
    reduce = hierarchical_seconds(gpus, model.parameters * options.gradient_bytes, options)
    waiting = waiting_share(gpus, options.spread) * compute
    step = compute + reduce + waiting
    return {
        "compute": compute,
        "reduce": reduce,
        "waiting": waiting,
        "step": step,
        "films_per_second": gpus * batch / step,
        "efficiency": compute / step,
        "sent": gradient_traffic(gpus, model.parameters, options.gradient_bytes),
    }


def main(options: Options) -> None:
    """Print what a step takes on each number of GPUs."""
    for model in models():
        size = model.parameters * options.gradient_bytes / _MB
        flop = model.flop / 1e6
        print(f"{model.name}: {model.parameters:,} parameters, {size:.1f} MB of gradients, {flop:.0f} MFLOP a film")
        print("  GPUs  batch/GPU  global   compute   reduce  waiting     step    films/s  efficiency  sent/GPU/step")
        for batch in options.batches:
            for gpus in options.gpus:
                told = predicted(model, gpus, batch, options)
                parts = "".join(f"{1e3 * told[part]:6.2f} ms" for part in ("compute", "reduce", "waiting", "step"))
                print(
                    f"{gpus:6} {batch:10} {gpus * batch:7} {parts} {told['films_per_second']:10,.0f} "
                    f"{told['efficiency']:11.0%} {told['sent'] / _MB:11.1f} MB"
                )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
