"""The training loop: one custom step under a tf.distribute strategy, for one worker and for many.

Keras' own `fit` does not run under `MultiWorkerMirroredStrategy` with two workers (Keras 3.15), and its data
adapters would copy what Ray Data already streams as numpy. So the step is written out here, with public
Keras and TensorFlow calls only. In this room only this file and `keras_internals` import TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from genre_models.training.import_guard import without

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, when TensorFlow is imported
with without("sklearn", "matplotlib"):
    import keras
    import tensorflow as tf

from genre_models.encoders.fine_tuning import find_encoder
from genre_models.training import losses, mixup, optimizer
from genre_models.training.history import EpochMetrics
from genre_models.training.keras_internals import forget_custom_gradients
from genre_models.training.mixed_precision import computing_in
from genre_models.training.prefetch import prefetch, stack_batches
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import Step, TrainState, diverged, figures_of

Batch = dict[str, Any]
"""One worker's part of a step: "inputs" [B, ...], an array or for a model of several inputs a dict of arrays by their
names; "labels" float32 [B, G]; "weights" float32 [B], 0 for filling."""


def set_up_tensorflow(
    *, workers: int, threads: int | None = None, inter_op_parallel: bool = False, devices: int = 1
) -> tf.distribute.Strategy:
    """Choose the strategy for this many workers (TF_CONFIG names them) and this process's compute threads.

    One worker needs no collectives, so it gets the plain strategy of its one device; the step is the same.

    TensorFlow fixes its threads when it first computes. A process that has computed before (trials of a sweep may
    share one) keeps the threads it has.

    Args:
        workers: processes that train together.
        threads: compute threads of this process; None leaves them to TensorFlow.
        inter_op_parallel: let a single worker's threads compute one operation each instead of sharing each operation.
            The two directions of a bidirectional LSTM run side by side then: their products are small, and a step took
            140 ms instead of 174 on two cores.
        devices: GPUs of this process, if it is the only worker: the model is mirrored over them.

    Raises:
        RuntimeError: TensorFlow sees fewer GPUs than that.
    """
    # Ray Train asks for Keras 2 through this variable; the project is Keras 3 throughout.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    if threads:
        with contextlib.suppress(RuntimeError):  # TensorFlow has computed before
            if inter_op_parallel and workers == 1:
                tf.config.threading.set_intra_op_parallelism_threads(1)
                tf.config.threading.set_inter_op_parallelism_threads(threads)
            else:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if devices > 1 and len(gpus) < devices:
        raise RuntimeError(
            f"{devices} GPUs are reserved for this worker, and TensorFlow sees {len(gpus)}: install NVIDIA's driver "
            "and the extra cuda on this node"
        )
    if workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices > 1:
        return tf.distribute.MirroredStrategy([f"/gpu:{number}" for number in range(devices)])
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


def _adam_update(*, weight: Any, momentum: Any, velocity: Any, gradient: Any, rate: Any, step: Any, adam: Any) -> None:
    """Move a weight and its moments by TensorFlow's kernel for Adam, see `optimizer.Update`."""
    step = tf.cast(step, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle,
        m=momentum.handle,
        v=velocity.handle,
        beta1_power=tf.pow(adam.beta_1, step),
        beta2_power=tf.pow(adam.beta_2, step),
        lr=tf.cast(rate, tf.float32),
        beta1=adam.beta_1,
        beta2=adam.beta_2,
        epsilon=adam.epsilon,
        grad=gradient,
    )


class Trainer:
    """Model, optimizer and the two compiled steps, built under one strategy."""

    def __init__(
        self,
        build: Callable[[], Any],
        recipe: Recipe,
        strategy: tf.distribute.Strategy,
        genre_counts: np.ndarray | None = None,
    ) -> None:
        self.recipe = recipe
        self.strategy = strategy
        self._devices = len(strategy.extended.worker_devices)  # of this worker
        self._alone = strategy.num_replicas_in_sync == self._devices  # no other worker
        self._film_losses = losses.trained_on(recipe, genre_counts)
        keras.utils.set_random_seed(recipe.seed)
        with strategy.scope():
            with computing_in(recipe.dtype_policy):
                self.model = build()
            weights = self.model.trainable_variables
            encoder = find_encoder(self.model)
            pretrained = encoder.trainable_variables if encoder is not None else ()
            self.optimizer = optimizer.build(recipe, weights, _adam_update, pretrained=pretrained)
            self._average = (
                optimizer.MovingAverage(recipe.ema_decay, weights, self.optimizer) if recipe.ema_decay else None
            )
        if recipe.mixup:
            mixup.require_pictures(self.model)
        # Nothing here is for autograph to translate: reading the source would be a fifth of the first step's time.
        self._train = tf.function(self._train_step, reduce_retracing=True, autograph=False)
        self._train_stack = tf.function(self._train_steps, reduce_retracing=True, autograph=False)
        self._predict = tf.function(self._predict_step, reduce_retracing=True, autograph=False)
        self._traced: set[Any] = set()

    # -- the two steps --------------------------------------------------------------------------------------------

    def _train_step(self, inputs: Any, labels: Any, weights: Any) -> Any:
        """One step on every replica; returns this worker's float32 [5], see `losses.step_metrics`."""
        return self._sum_over_devices(self.strategy.run(self._replica_step, args=(inputs, labels, weights)))

    def _train_steps(self, steps: Any, inputs: Any, labels: Any, weights: Any) -> Any:
        """One step after the other, on batches stacked [steps, B, ...]; returns the sum of their figures."""

        def one(step: Any, inputs: Any, labels: Any, weights: Any) -> Any:
            return self._replica_step(*tf.nest.map_structure(lambda part: part[step], (inputs, labels, weights)))

        def add(step: Any, sums: Any) -> tuple[Any, Any]:
            # The loop is around the strategy: within a replica none may hold what sums over workers.
            told = self.strategy.run(one, args=(step, inputs, labels, weights))
            return step + 1, sums + self._sum_over_devices(told)

        return tf.while_loop(lambda step, _: step < steps, add, (tf.constant(0), tf.zeros(5)))[1]

    def _replica_step(self, inputs: Any, labels: Any, weights: Any) -> Any:
        """Move the weights by one batch of this worker's films."""
        if self.recipe.mixup:
            inputs, labels = self._mixed(inputs, labels, weights)
        with tf.GradientTape() as tape:
            scores = self.model(inputs, training=True)
            loss_sum = tf.reduce_sum(keras.losses.binary_crossentropy(labels, scores) * weights)
            # What the gradients are of; the sum that is told compares across losses and recipes.
            trained_on = tf.reduce_sum(self._film_losses(labels, scores) * weights) if self._film_losses else loss_sum
            # Divided by the global batch: gradients are summed over workers, so each film counts the same
            # whatever the number of workers, and filling counts nothing.
            loss = self.optimizer.scale_loss(trained_on / self.recipe.batch_size)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        # An embedding's gradient comes as slices, one for each place of a word, which Keras' Adam squares one by
        # one where it should square their sum (3.15); and only dense ones are summed over workers like all others.
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        half = self.recipe.dtype_policy == "float16"
        if self.recipe.clip_norm or half:
            gradients = self._together(gradients)
        steps = tf.identity(self.optimizer.iterations.value)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        if self._average:
            self._average.update(taken=self.optimizer.iterations.value > steps)
        sums = losses.step_metrics(loss_sum, labels, scores, weights)
        # A float16 that overflowed on its way to the loss: the step was left out, and so are its figures.
        return tf.where(tf.math.is_finite(loss_sum), sums, tf.zeros_like(sums)) if half else sums

    def _mixed(self, inputs: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        """Return pictures and labels mixed two by two within this worker's batch, see `mixup.mixed`.

        What is drawn is set by the recipe's seed, the step and the worker, so that a resumed run draws the same.
        """
        worker = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
        step = self.optimizer.iterations.value * self.strategy.num_replicas_in_sync + worker
        rows = tf.shape(weights)[:1]
        order = tf.random.stateless_uniform(rows, [self.recipe.seed, 2 * step])
        # Beta as two gammas. Where mixup is tiny both may be 0, and the film becomes the other: just as well.
        two = tf.random.stateless_gamma(
            tf.concat([[2], rows], 0), [self.recipe.seed, 2 * step + 1], alpha=self.recipe.mixup
        )
        own = tf.math.divide_no_nan(two[0], two[0] + two[1])
        return mixup.mixed(inputs, labels, real=weights > 0, own=own, order=order)

    def _together(self, gradients: list[Any]) -> list[Any]:
        """Return this worker's share of gradients that all workers look at together: shortened to the recipe's norm,
        if it has one, and to be found finite, or not, by all alike.

        Not by the optimizer's `global_clipnorm`: Keras clips each worker's share, before they are summed (3.15), and
        a run's course would hang on the number of workers.
        """
        workers = self.strategy.num_replicas_in_sync
        if workers > 1:
            gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self.recipe.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.optimizer.scale_loss(self.recipe.clip_norm))
        return [g / workers for g in gradients]  # for the optimizer sums them over the workers

    def _predict_step(self, inputs: Any) -> Any:
        return self.strategy.run(lambda x: self.model(x, training=False), args=(inputs,))

    def swap_weights(self) -> None:
        """Swap the trained weights with their moving average, if there is one."""
        if self._average:
            self._average.swap()

    # -- an epoch ---------------------------------------------------------------------------------------------------

    def train_epoch(
        self, epoch: int, batches: Iterable[Batch], on_step: Callable[[Step], None], steps_per_execution: int = 1
    ) -> np.ndarray:
        """Train on one epoch's batches; return float64 [5] sums over all workers, ordered as by `losses.step_metrics`.

        Raises:
            TrainingDivergedError: the loss of a step is not finite, if this is the only worker.
        """
        totals = np.zeros(5)
        # The sums of a step are read one step late, so that reading never waits for the step just started.
        pending = None
        step = 0
        with prefetch(stack_batches(batches, steps_per_execution), self._stack_to_device) as tensors:
            for steps, parts in tensors:
                self._trace(self._train if steps == 1 else self._train_stack, parts, stacked=steps > 1)
                sums = self._train(*parts) if steps == 1 else self._train_stack(tf.constant(steps), *parts)
                if pending is not None:
                    totals += self._finite(pending, epoch, step)
                pending = sums
                step += steps
                on_step(Step(epoch, step, "training"))
        if pending is not None:
            totals += self._finite(pending, epoch, step)
        return self._sum_over_workers(totals)

    def predict_epoch(self, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and scores of all workers' real films, float32 [films, genres]."""
        labels, scores = [], []
        with prefetch(batches, self._to_device) as tensors:
            for inputs, wanted, weights in tensors:
                self._trace(self._predict, (inputs,))
                told = self._predict(inputs)
                told, wanted, weights = map(self._gathered, (told, wanted, weights))
                real = weights.numpy() > 0
                labels.append(wanted.numpy()[real])
                scores.append(told.numpy()[real])
        return np.concatenate(labels), np.concatenate(scores)

    def _trace(self, function: Any, parts: tuple[Any, ...], *, stacked: bool = False) -> None:
        """Trace a compiled step before its first call, once for overviews of all lengths.

        By itself TensorFlow would trace it for the first batch's length, and again for any length at the second.
        """
        if function in self._traced or self._devices > 1:  # values for several devices have no shape to free
            return
        self._traced.add(function)
        free = {
            tensor.name: [axis + stacked for axis, size in enumerate(tensor.shape) if axis and size is None]
            for tensor in self.model.inputs
        }

        def spec(part: Any, axes: list[int]) -> tf.TensorSpec:
            return tf.TensorSpec([None if axis in axes else n for axis, n in enumerate(part.shape)], part.dtype)

        inputs, *others = parts
        if isinstance(inputs, dict):
            specs: Any = {name: spec(part, free[name]) for name, part in inputs.items()}
        else:
            specs = spec(inputs, next(iter(free.values())))
        steps = (tf.TensorSpec([], tf.int32),) if stacked else ()
        function.get_concrete_function(*steps, specs, *(spec(part, []) for part in others))

    # -- between numpy, this worker's device and the other workers --------------------------------------------------

    def _stack_to_device(self, stack: tuple[int, Batch]) -> tuple[int, tuple[Any, Any, Any]]:
        return stack[0], self._to_device(stack[1])

    def _to_device(self, batch: Batch) -> tuple[Any, Any, Any]:
        """Return a batch as tensors. Those of a worker of one device are its own: no strategy needs to wrap them."""
        parts = (batch["inputs"], batch["labels"], batch["weights"])
        if self._devices == 1:
            return tf.nest.map_structure(tf.convert_to_tensor, parts)
        # A stack of batches, whose weights are [steps, B], is cut along its second axis.
        axis = batch["weights"].ndim - 1
        return tf.nest.map_structure(lambda part: self._over_devices(np.split(part, self._devices, axis)), parts)

    def _over_devices(self, values: Sequence[Any]) -> Any:
        """Return a value for each of this worker's devices as one of the strategy's."""

        def own(context: Any) -> Any:
            return tf.convert_to_tensor(values[context.replica_id_in_sync_group % self._devices])

        return self.strategy.experimental_distribute_values_from_function(own)

    def _sum_over_devices(self, value: Any) -> Any:
        """Return the sum of what this worker's devices returned."""
        first, *others = self.strategy.experimental_local_results(value)
        return tf.add_n([first, *others]) if others else first

    def _finite(self, sums: Any, epoch: int, step: int) -> np.ndarray:
        """Return a step's sums; stop at a loss that no later step could mend.

        Only where there is one worker: this loss is this worker's alone, and were it to stop, the others would wait
        for it for ever. What all of them stop for is the loss of the epoch, in `fit`.
        """
        here = sums.numpy().astype(np.float64)
        if self._alone and not np.isfinite(here[0]):
            raise diverged(f"{epoch} is {here[0]} at step {step}", self.recipe)
        return here

    def _gathered(self, value: Any) -> Any:
        """Concatenate the values of all devices of all workers, in their order."""
        if self._alone:
            return tf.concat(self.strategy.experimental_local_results(value), axis=0)
        return self.strategy.gather(value, axis=0)

    def _sum_over_workers(self, totals: np.ndarray) -> np.ndarray:
        if self._alone:
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
    genre_counts: np.ndarray | None = None,
    metric: str = "validation_loss",
    steps_per_execution: int = 1,
    resume: Callable[[Any, Any], list[EpochMetrics]] | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
    on_trained: Callable[[TrainState], None] = lambda _: None,
    on_epoch: Callable[[TrainState], None] = lambda _: None,
) -> TrainState:
    """Train a model and return where it stands at the end.

    Between epochs, and so in `on_epoch` and at the end, the model holds the weights that were validated: with the
    recipe's `ema_decay` the averaged ones.

    Args:
        build: makes the Keras model; called inside the strategy's scope.
        recipe: how long and how fast.
        strategy: from `set_up_tensorflow`; every worker calls `fit` alike.
        training: gives this worker's batches of an epoch (counted from 1); as many steps on every worker, each
            batch of the same size.
        validation: gives this worker's part of the validation films; as many steps on every worker.
        genre_counts: training films of each genre [G], over all workers; needed where the recipe weighs genres.
        metric: figure of `history.METRICS` that must get better within the recipe's patience.
        steps_per_execution: steps that the device takes by itself where so many batches of one shape follow each other.
        resume: fills model and optimizer from a checkpoint and returns its history.
        on_step: told after each training step; must be cheap.
        on_trained: told when an epoch has trained, before it is validated: the weights are those that will be.
        on_epoch: told after each epoch, on every worker.

    Raises:
        TrainingDivergedError: a loss is not finite.
        ValueError: the recipe does not fit the model, or needs `genre_counts`.
    """
    trainer = Trainer(build, recipe, strategy, genre_counts)
    state = TrainState(trainer.model, trainer.optimizer)
    if resume is not None:
        state.history = resume(trainer.model, trainer.optimizer)
    while not recipe.is_finished(state.history, metric):
        epoch = len(state.history) + 1
        started = time.monotonic()
        rate = recipe.learning_rate_at(epoch)
        trainer.optimizer.learning_rate.assign(rate)
        trainer.swap_weights()
        sums = trainer.train_epoch(epoch, training(epoch), on_step, steps_per_execution)
        trainer.swap_weights()
        trained = time.monotonic()
        on_trained(state)
        on_step(Step(epoch, 0, "validation"))
        state.validation_labels, state.validation_scores = trainer.predict_epoch(validation())
        figures = figures_of(sums, state.validation_labels, state.validation_scores)
        seconds = time.monotonic() - started
        state.history.append(
            EpochMetrics(
                epoch=epoch,
                learning_rate=rate,
                seconds=seconds,
                training_seconds=trained - started,
                films_per_second=float(sums[1]) / max(trained - started, 1e-9),
                **figures,
            )
        )
        if not (np.isfinite(figures["loss"]) and np.isfinite(figures["validation_loss"])):
            raise diverged(f"{epoch} is {figures['loss']}, on validation {figures['validation_loss']}", recipe)
        on_epoch(state)
    return state


def release_memory() -> None:
    """Free what a finished training leaves in this process; for between trials that share one.

    The caller must have let go of the `TrainState` and its model, and must not train a model built before. Without
    this, each training of the coursework's CNN leaves 50 MB behind.
    """
    forget_custom_gradients()
    keras.utils.clear_session(free_memory=True)
