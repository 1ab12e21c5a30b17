"""Feature extraction by pretrained encoders: actors extract once, and the store keeps the features."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from datasets.storage import files
from datasets.storage.atomic import new_folder
from datasets.store import feature_store as in_store
from datasets.store.feature_store import Features
from datasets.store.film_store import Store
from datasets.store.shards import shard_paths
from datasets.text.pretrained_tokenizer import WordPiece, tokenizer_text
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import encoder_of, text_encoder
from genre_models.models.input_spec import InputSpec
from genre_models.predictors.encode_films import LOADERS, Encode, tokenizer_of
from ray_jobs.cli.console import Console, Countdown, duration
from ray_jobs.cli.errors import RunError, TrainError
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.cluster.resources import actors_for

_FILMS_AN_ACTOR = 1_000  # loading an encoder takes as long as some hundred films


def with_encoder(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint completed with its encoders' weights digests.

    A model without a backbone, or a trained one that contains its encoder, is returned unchanged.

    Raises:
        TrainError: an encoder or its tokenizer is not installed, or cannot be read or downloaded.
        CheckpointError: the encoder's weights are not those the model was trained with.
    """
    inputs, tokenizer = checkpoint.inputs, checkpoint.tokenizer
    for one in inputs.pretrained:
        assert one.encoder is not None
        if one.is_fine_tuned and checkpoint.epoch:
            continue  # the model has its encoder
        backbone, known = one.encoder.backbone, one.encoder.digest
        weights = _weights(backbone)
        if known not in ("", weights):
            raise CheckpointError(
                f"the model was trained on features of {backbone.name} with the weights {known[:12]}…, "
                f"and those of {backbone.weights or 'this installation'} are {weights[:12]}…: it needs its own"
            )
        inputs = inputs.with_input(one.with_digest(weights))
        if one.tokenizer == "encoder":
            tokenizer = tokenizer_text(text_encoder(backbone).folder(backbone.path))
    completed = replace(checkpoint, inputs=inputs, tokenizer=tokenizer)
    if completed.tokenizer:
        try:
            tokenizer_of(completed)  # report a missing tokenizer before any actor starts
        except (ImportError, ValueError) as error:
            raise TrainError(f"the {checkpoint.model_spec.label} cannot read: {error}") from error
    return completed


def _weights(backbone: Backbone) -> str:
    """Return the digest of an encoder's weights; raise TrainError if it cannot be used."""
    try:
        weights = _digest(backbone)
        check(backbone)
    except (ImportError, OSError, ValueError) as error:
        raise TrainError(f"--backbone {backbone.name}: {error}") from error
    return weights


def with_features(
    checkpoint: Checkpoint, store: Store, splits: tuple[str, ...], console: Console, *, gpus: float
) -> Checkpoint:
    """Return a checkpoint from `with_encoder` after extracting missing features into the store.

    Raises:
        TrainError: the encoder failed; the message is one line.
    """
    inputs = checkpoint.inputs
    for column, wanted in features_of(inputs).items():
        encoder = inputs[column].encoder
        assert encoder is not None
        for split in splits:
            stored = in_store.kept(store, wanted, split)
            wanted = stored or _make(encoder.backbone, wanted, store, split, console, gpus=gpus)
        inputs = inputs.with_input(inputs[column].with_units(wanted.units))
    return replace(checkpoint, inputs=inputs)


def features_of(inputs: InputSpec) -> dict[str, Features]:
    """Return the stored features that a model takes, by input."""
    return {name: Features(**values) for name, values in inputs.features.items()}


def check(backbone: Backbone) -> None:
    """Check that an encoder of overviews has a tokenizer, before any actor starts.

    Raises:
        ImportError, OSError, ValueError: naming the package, or the fault of the tokenizer.
    """
    if encoder_of(backbone.name).source == "overview":
        WordPiece(text_encoder(backbone).folder(backbone.path))


@functools.lru_cache(maxsize=8)
def _digest(backbone: Backbone) -> str:
    """Return the SHA-256 of an encoder's weights. Keras runs in a separate process."""
    encoder = encoder_of(backbone.name)
    if not encoder.digest_needs_keras:
        return encoder.digest(backbone)
    try:
        return str(ray.get(ray.remote(num_cpus=0)(encoder.digest).remote(backbone)))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _make(
    backbone: Backbone, features: Features, store: Store, split: str, console: Console, *, gpus: float
) -> Features:
    """Encode a split's films in actors, one store file at a time, and publish atomically."""
    films, timer, done = store.manifest.films[split], Countdown(), 0
    source = encoder_of(backbone.name).source
    what = f"{backbone.name}: {split} {source}s"

    def show(more: int) -> None:
        nonlocal done
        done += more
        console.status(f"{what}, {done:,} of {films:,}{timer.left(done, films)}")

    console.status(f"{what}, loading the encoder")
    folder = in_store.folder_of(store, features.name, split)
    actors = actors_for(films, each=_FILMS_AN_ACTOR, gpus=gpus)
    threads = 0 if gpus else max(1, int(ray.cluster_resources().get("CPU", 1)) // actors)
    with new_folder(folder, last=in_store.FEATURES_FILE, own=in_store.is_own) as work, ProgressChannel(show) as channel:
        batches = shard_paths(store.parts(split)).map_batches(
            _Encoder,
            fn_constructor_args=(
                LOADERS[source],
                backbone,
                store,
                work,
                channel.actor,
                threads,
            ),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            num_gpus=min(gpus, 1),
        )
        units = features.units
        with quiet_stderr():
            for batch in batches.iter_batches(batch_format="numpy"):
                for failure in filter(None, batch["failure"]):
                    raise RunError(f"the encoder {backbone.name} failed: {failure}")
                units = int(batch["units"].max())
        features = replace(features, units=units)
        in_store.finish(work, features, store, split)
    console.line(f"Encoded {films:,} {what.split(': ')[1]} with {backbone.name} ({duration(timer.elapsed)}): {folder}")
    return features


class _Encoder:
    """Ray Data actor that encodes files of a store; it loads its encoder once."""

    def __init__(
        self,
        load: Callable[[Backbone], Encode],
        backbone: Backbone,
        store: Store,
        work: str,
        channel: Any,
        threads: int,
    ) -> None:
        if threads:  # else each actor's TensorFlow would compute on all cores of its machine
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        self._load, self._backbone, self._store, self._work, self._progress = load, backbone, store, work, channel
        self._encode: Encode | None = None  # loaded with the first films

    def __call__(self, parts: pa.Table) -> pa.Table:
        """Write the features of each file at "path"; return their vectors' length or an error."""
        units, failure = 0, ""
        try:
            for path in parts["path"].to_pylist():
                units = self._write(path)
        except Exception as error:  # reported in one line: an actor's exception reaches the driver as a long traceback
            failure = f"{type(error).__name__}: {error}"
        return pa.table({"units": [units], "failure": [failure]})

    def _write(self, path: str) -> int:
        if self._encode is None:
            self._encode = self._load(self._backbone)
        filesystem, _ = files.resolve(self._store.path)
        column = encoder_of(self._backbone.name).source
        films = pq.read_table(path, filesystem=filesystem, columns=["row", column], partitioning=None)
        vectors = self._encode(films, self._store.manifest.poster_shape)
        in_store.write_part(self._work, path, films["row"], [vector.astype(np.float16).tobytes() for vector in vectors])
        self._progress.send.remote(len(films))
        return int(vectors[0].shape[-1])
