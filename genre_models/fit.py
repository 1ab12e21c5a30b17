"""The training loop: one custom step under a tf.distribute strategy, for one worker and for many.

Keras' own `fit` does not run under `MultiWorkerMirroredStrategy` with two workers (Keras 3.15), and its data
adapters would copy what Ray Data already streams as numpy. So the step is written out here, with public
Keras and TensorFlow calls only. This is the one file of the project that imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, when TensorFlow is imported
import keras
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from genre_models import judge
from genre_models.history import Epoch
from genre_models.recipe import Recipe

Batch = dict[str, np.ndarray]
"""One worker's part of a step: "inputs" [B, ...], "labels" float32 [B, G], "weights" float32 [B], 0 for filling."""

_LOADED_AHEAD = 2  # batches turned into tensors while the step before them computes


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass
class FitState:
    """Where training stands after an epoch: what a checkpoint is made of."""

    model: Any
    optimizer: Any
    history: list[Epoch] = field(default_factory=list)
    validation_labels: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """float32 [films, genres]; the validation films in reading order."""
    validation_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """float32 [films, genres]; the model's probabilities for them."""


@dataclass(frozen=True)
class Step:
    """How far an epoch has come."""

    epoch: int
    step: int
    phase: str
    """"training" or "validation"."""


def set_up_tensorflow(*, workers: int, threads: int | None = None) -> tf.distribute.Strategy:
    """Choose the strategy for this many workers (TF_CONFIG names them) and this process's compute threads.

    One worker needs no collectives, so it gets the plain strategy of its one device; the step is the same.

    TensorFlow fixes its threads when it first computes. A process that has computed before (trials of a sweep may
    share one) keeps the threads it has.
    """
    # Ray Train asks for Keras 2 through this variable; the project is Keras 3 throughout.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    if threads and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        with contextlib.suppress(RuntimeError):  # TensorFlow has computed before
            tf.config.threading.set_intra_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


class Trainer:
    """Model, optimizer and the two compiled steps, built under one strategy."""

    def __init__(self, build: Callable[[], Any], recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
        self.recipe = recipe
        self.strategy = strategy
        keras.utils.set_random_seed(recipe.seed)
        with strategy.scope():
            self.model = build()
            self.optimizer = _optimizer(recipe, self.model.trainable_variables)
        self._train = tf.function(self._train_step, reduce_retracing=True)
        self._predict = tf.function(self._predict_step, reduce_retracing=True)

    # -- the two steps --------------------------------------------------------------------------------------------

    def _train_step(self, inputs: Any, labels: Any, weights: Any) -> Any:
        """One step on every replica; returns this worker's float32 [5]: loss sum, films, true pos., pred. pos., pos."""

        def replica(inputs: Any, labels: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                scores = self.model(inputs, training=True)
                film_losses = keras.losses.binary_crossentropy(labels, scores)
                loss_sum = tf.reduce_sum(film_losses * weights)
                # Divided by the global batch: gradients are summed over workers, so each film counts the same
                # whatever the number of workers, and filling counts nothing.
                loss = self._trained_on(loss_sum, labels, scores, weights) / self.recipe.batch_size
            gradients = tape.gradient(loss, self.model.trainable_variables)
            # An embedding's gradient comes as slices; workers see other words in other numbers, and only a dense
            # gradient is summed over them by the same all-reduce as all others.
            if self.strategy.num_replicas_in_sync > 1:
                gradients = [tf.convert_to_tensor(g) for g in gradients]
            self.optimizer.apply(gradients, self.model.trainable_variables)
            chosen = tf.cast(scores >= 0.5, tf.float32) * weights[:, None]
            return tf.stack(
                [
                    loss_sum,
                    tf.reduce_sum(weights),
                    tf.reduce_sum(chosen * labels),
                    tf.reduce_sum(chosen),
                    tf.reduce_sum(labels * weights[:, None]),
                ]
            )

        return self.strategy.run(replica, args=(inputs, labels, weights))

    def _trained_on(self, loss_sum: Any, labels: Any, scores: Any, weights: Any) -> Any:
        """Return the loss sum that the gradients are of; the one that is told compares across label smoothings."""
        if not self.recipe.label_smoothing:
            return loss_sum
        film_losses = keras.losses.binary_crossentropy(labels, scores, label_smoothing=self.recipe.label_smoothing)
        return tf.reduce_sum(film_losses * weights)

    def _predict_step(self, inputs: Any) -> Any:
        return self.strategy.run(lambda x: self.model(x, training=False), args=(inputs,))

    # -- an epoch ---------------------------------------------------------------------------------------------------

    def train_epoch(self, epoch: int, batches: Iterable[Batch], on_step: Callable[[Step], None]) -> np.ndarray:
        """Train on one epoch's batches; return float64 [5] sums over all workers, in the order of `_train_step`.

        Raises:
            TrainingDivergedError: the loss of a step is not finite, if this is the only worker.
        """
        totals = np.zeros(5)
        # The sums of a step are read one step late, so that reading never waits for the step just started.
        pending = None
        step = 0
        with _loaded_ahead(batches, self._to_device) as tensors:
            for step, (inputs, labels, weights) in enumerate(tensors, start=1):
                sums = self._train(inputs, labels, weights)
                if pending is not None:
                    totals += self._finite(pending, epoch, step - 1)
                pending = sums
                on_step(Step(epoch, step, "training"))
        if pending is not None:
            totals += self._finite(pending, epoch, step)
        return self._sum_over_workers(totals)

    def predict_epoch(self, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and scores, float32 [films, genres], of every worker's real films, the same on every worker."""
        labels, scores = [], []
        with _loaded_ahead(batches, self._to_device) as tensors:
            for inputs, wanted, weights in tensors:
                told = self._predict(inputs)
                if self.strategy.num_replicas_in_sync > 1:
                    told, wanted, weights = (self.strategy.gather(part, axis=0) for part in (told, wanted, weights))
                real = weights.numpy() > 0
                labels.append(wanted.numpy()[real])
                scores.append(told.numpy()[real])
        return np.concatenate(labels), np.concatenate(scores)

    # -- between numpy, this worker's device and the other workers --------------------------------------------------

    def _to_device(self, batch: Batch) -> tuple[Any, Any, Any]:
        parts = (batch["inputs"], batch["labels"], batch["weights"])
        tensors = tuple(tf.convert_to_tensor(part) for part in parts)
        if self.strategy.num_replicas_in_sync == 1:
            return tensors
        return tuple(self.strategy.experimental_distribute_values_from_function(lambda _, t=t: t) for t in tensors)

    def _local(self, value: Any) -> np.ndarray:
        return self.strategy.experimental_local_results(value)[0].numpy().astype(np.float64)

    def _finite(self, sums: Any, epoch: int, step: int) -> np.ndarray:
        """Return a step's sums; stop at a loss that no later step could mend.

        Only where there is one worker: this loss is this worker's alone, and were it to stop, the others would wait
        for it for ever. What all of them stop for is the loss of the epoch, in `fit`.
        """
        here = self._local(sums)
        if self.strategy.num_replicas_in_sync == 1 and not np.isfinite(here[0]):
            raise _diverged(f"{epoch} is {here[0]} at step {step}", self.recipe)
        return here

    def _sum_over_workers(self, totals: np.ndarray) -> np.ndarray:
        if self.strategy.num_replicas_in_sync == 1:
            return totals
        value = self.strategy.experimental_distribute_values_from_function(lambda _: tf.constant(totals))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None).numpy()


def fit(
    build: Callable[[], Any],
    recipe: Recipe,
    *,
    strategy: tf.distribute.Strategy,
    training: Callable[[int], Iterator[Batch]],
    validation: Callable[[], Iterator[Batch]],
    resume: Callable[[Any, Any], list[Epoch]] | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
    on_epoch: Callable[[FitState], None] = lambda _: None,
) -> FitState:
    """Train a model and return where it stands at the end.

    Args:
        build: makes the Keras model; called inside the strategy's scope.
        recipe: how long and how fast.
        strategy: from `set_up_tensorflow`; every worker calls `fit` alike.
        training: gives this worker's batches of an epoch (counted from 1); as many steps on every worker, each
            batch of the same size.
        validation: gives this worker's part of the validation films; as many steps on every worker.
        resume: fills model and optimizer from a checkpoint and returns its history.
        on_step: told after each training step; must be cheap.
        on_epoch: told after each epoch, on every worker.

    Raises:
        TrainingDivergedError: a loss is not finite.
    """
    trainer = Trainer(build, recipe, strategy)
    state = FitState(trainer.model, trainer.optimizer)
    if resume is not None:
        state.history = resume(trainer.model, trainer.optimizer)
    for epoch in range(len(state.history) + 1, recipe.epochs + 1):
        started = time.monotonic()
        rate = recipe.learning_rate_at(epoch)
        trainer.optimizer.learning_rate.assign(rate)
        sums = trainer.train_epoch(epoch, training(epoch), on_step)
        trained = time.monotonic()
        on_step(Step(epoch, 0, "validation"))
        state.validation_labels, state.validation_scores = trainer.predict_epoch(validation())
        figures = _figures(sums, state.validation_labels, state.validation_scores)
        seconds = time.monotonic() - started
        state.history.append(
            Epoch(
                epoch=epoch,
                learning_rate=rate,
                seconds=seconds,
                training_seconds=trained - started,
                films_per_second=float(sums[1]) / max(trained - started, 1e-9),
                **figures,
            )
        )
        if not (np.isfinite(figures["loss"]) and np.isfinite(figures["validation_loss"])):
            raise _diverged(f"{epoch} is {figures['loss']}, on validation {figures['validation_loss']}", recipe)
        on_epoch(state)
    return state


def forget() -> None:
    """Free what a finished training leaves in this process; for between trials that share one.

    The caller must have let go of the `FitState` and its model, and must not train a model built before. Without this,
    each training of the coursework's CNN leaves 50 MB behind.
    """
    # The optimizer sums gradients over workers, one or many, in a function with a gradient of its own. TensorFlow lists
    # such a gradient for good, with the graph it was traced in and all its weights, and has no public way to take it
    # off the list (2.21).
    listed = gradient_registry._registry
    for name in [name for name in listed if name.startswith("CustomGradient-")]:
        del listed[name]
    keras.utils.clear_session(free_memory=True)


def _optimizer(recipe: Recipe, weights: list[Any]) -> Any:
    """Return the built optimizer: Adam, or with weight decay AdamW (Loshchilov & Hutter 2019)."""
    if recipe.weight_decay:
        optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
        # Vectors are biases, or what scales and shifts a normalised layer: none of them can make a model complex.
        optimizer.exclude_from_weight_decay(var_list=[weight for weight in weights if len(weight.shape) < 2])
    else:
        optimizer = keras.optimizers.Adam(recipe.learning_rate)
    optimizer.build(weights)
    return optimizer


def _diverged(loss_of_epoch: str, recipe: Recipe) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"the loss of epoch {loss_of_epoch}: try a lower --learning-rate than {recipe.learning_rate:g}"
    )


def _figures(sums: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    loss_sum, films, true_positives, predicted, positives = (float(x) for x in sums)
    half = judge.precision_recall(labels, scores >= 0.5)
    return {
        "loss": loss_sum / films,
        "precision": true_positives / predicted if predicted else 0.0,
        "recall": true_positives / positives if positives else 0.0,
        "validation_loss": judge.binary_crossentropy(labels, scores),
        "validation_precision": half[0],
        "validation_recall": half[1],
        "validation_mean_average_precision": judge.mean_average_precision(labels, scores),
    }


class _loaded_ahead:  # noqa: N801  (reads as a verb where it is used: `with _loaded_ahead(...)`)
    """Iterate batches as tensors, made in a thread of their own while the step before them computes."""

    _END = object()

    def __init__(self, batches: Iterable[Batch], load: Callable[[Batch], Any]) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(_LOADED_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(batches, load), daemon=True, name="batches")

    def __enter__(self) -> Iterator[Any]:
        self._thread.start()
        return self._drain()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=60)

    def _drain(self) -> Iterator[Any]:
        while (item := self._queue.get()) is not self._END:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _fill(self, batches: Iterable[Batch], load: Callable[[Batch], Any]) -> None:
        try:
            for batch in batches:
                if not self._put(load(batch)):
                    return
            self._put(self._END)
        except BaseException as error:  # handed to the training thread, which raises it
            self._put(error)

    def _put(self, item: Any) -> bool:
        """Queue an item; return False once nobody reads any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False
