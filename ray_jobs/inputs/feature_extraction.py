"""Feature extraction by pretrained encoders: actors extract once, and the store keeps the features."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from datasets.raw.posters import enlarged
from datasets.storage import files
from datasets.storage.atomic import aside, publish
from datasets.store import feature_store as in_store
from datasets.store.feature_store import VIEWS, Features, parse_feature_specs
from datasets.store.film_store import Store, poster_array
from datasets.store.shards import shard_paths
from datasets.text.pretrained_tokenizer import WordPiece, tokenizer_text
from datasets.text.vocabulary import Vocabulary
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.encoders import backbones
from genre_models.encoders.backbones import (
    MAX_TOKENS,
    Backbone,
    ImageEncoder,
    backbone_of,
    frozen_backbones,
    is_fine_tuned,
)
from ray_jobs.cli.console import Console, Countdown, duration
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.cluster.resources import actors_for

Encode = Callable[[pa.Table, tuple[int, int, int]], list[np.ndarray]]
"""Films of a store and the shape of its posters -> float16 [views, units] or [tokens, units] of each film."""

_POSTERS_AT_A_TIME = 32
_FILMS_AN_ACTOR = 1_000  # loading an encoder takes as long as some hundred films


def with_encoder(about: Checkpoint) -> Checkpoint:
    """Return a checkpoint completed with its encoders' weights digests and feature specs.

    A model without a backbone, or a trained one that contains its encoder, is returned unchanged.

    Raises:
        TrainError: an encoder or its tokenizer is not installed, or cannot be read or downloaded.
        CheckpointError: the encoder's weights are not those the model was trained with.
    """
    if is_fine_tuned(about.config):
        if not about.epoch:
            return _with_own_encoder(about)
        try:
            tokenizer_of(about)  # report a missing tokenizer before any actor starts
        except (ImportError, ValueError) as error:
            raise TrainError(f"the {about.model_spec.label} cannot read: {error}") from error
        return about
    feature_specs = dict(about.features)
    for column, backbone in frozen_backbones(about.config).items():
        weights = _weights(backbone)
        known = feature_specs.setdefault(column, asdict(Features(backbone.name, weights, backbone.input)))["weights"]
        if known != weights:
            raise CheckpointError(
                f"the model was trained on features of {backbone.name} with the weights {known[:12]}…, "
                f"and those of {backbone.weights or 'this installation'} are {weights[:12]}…: it needs its own"
            )
    return replace(about, features=feature_specs)


def _with_own_encoder(about: Checkpoint) -> Checkpoint:
    """Return an untrained model with its encoder's initial weights digest and tokenizer."""
    backbone = backbone_of(about.config)
    assert backbone is not None
    weights = _weights(backbone)
    return replace(
        about,
        encoder=weights,
        tokenizer=tokenizer_text(backbones.text_folder(backbone)) if backbone.uses_overview else "",
    )


def _weights(backbone: Backbone) -> str:
    """Return the digest of an encoder's weights; raise TrainError if it cannot be used."""
    try:
        weights = _digest(backbone)
        check(backbone)
    except (ImportError, OSError, ValueError) as error:
        raise TrainError(f"--backbone {backbone.name}: {error}") from error
    return weights


def tokenizer_of(about: Checkpoint) -> Vocabulary | WordPiece:
    """Return the tokenizer of a model that does not use features."""
    if about.tokenizer:
        return WordPiece(about.tokenizer)
    return Vocabulary(about.vocabulary, tokenizer=getattr(about.config, "tokenizer", "split"))


def with_features(
    about: Checkpoint, store: Store, splits: tuple[str, ...], console: Console, *, use_gpu: bool
) -> Checkpoint:
    """Return a checkpoint from `with_encoder` after extracting missing features into the store.

    Raises:
        TrainError: the encoder failed; the message is one line.
    """
    encoders, feature_specs = frozen_backbones(about.config), {}
    for column, wanted in parse_feature_specs(about.features).items():
        for split in splits:
            stored = in_store.kept(store, wanted, split)
            wanted = stored or _make(encoders[column], wanted, store, split, console, use_gpu=use_gpu)
        feature_specs[column] = asdict(wanted)
    return replace(about, features=feature_specs)


def check(backbone: Backbone) -> None:
    """Check that an encoder of overviews has a tokenizer, before any actor starts.

    Raises:
        ImportError, OSError, ValueError: naming the package, or the fault of the tokenizer.
    """
    if backbone.uses_overview:
        WordPiece(backbones.text_folder(backbone))


@functools.lru_cache(maxsize=8)
def _digest(backbone: Backbone) -> str:
    """Return the SHA-256 of an encoder's weights. Keras runs in a separate process."""
    if not backbone.is_application:
        return backbones.digest(backbone)
    try:
        return str(ray.get(ray.remote(num_cpus=0)(backbones.digest).remote(backbone)))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _make(
    backbone: Backbone, features: Features, store: Store, split: str, console: Console, *, use_gpu: bool
) -> Features:
    """Encode a split's films in actors, one store file at a time, and publish atomically."""
    films, timer, done = store.manifest.films[split], Countdown(), 0
    what = f"{backbone.name}: {split} {'overviews' if backbone.uses_overview else 'posters'}"

    def show(more: int) -> None:
        nonlocal done
        done += more
        console.status(f"{what}, {done:,} of {films:,}{timer.left(done, films)}")

    console.status(f"{what}, loading the encoder")
    folder = in_store.folder_of(store, features.name, split)
    with aside(folder) as work, ProgressChannel(show) as channel:
        batches = shard_paths(store.parts(split)).map_batches(
            _Encoder,
            fn_constructor_args=(
                ENCODERS["text" if backbone.uses_overview else "poster"],
                backbone,
                store,
                work,
                channel.actor,
            ),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors_for(films, each=_FILMS_AN_ACTOR, use_gpu=use_gpu)),
            num_cpus=1,
            num_gpus=1 if use_gpu else 0,
        )
        units = features.units
        with quiet_stderr():
            for batch in batches.iter_batches(batch_format="numpy"):
                for failure in filter(None, batch["failure"]):
                    raise TrainError(f"the encoder {backbone.name} failed: {failure}")
                units = int(batch["units"].max())
        features = replace(features, units=units)
        in_store.finish(work, features, store, split)
        publish(work, folder, last=in_store.ABOUT)
    console.line(f"Encoded {films:,} {what.split(': ')[1]} with {backbone.name} ({duration(timer.elapsed)}): {folder}")
    return features


class _Encoder:
    """Ray Data actor that encodes files of a store; it loads its encoder once."""

    def __init__(
        self, load: Callable[[Backbone], Encode], backbone: Backbone, store: Store, work: str, channel: Any
    ) -> None:
        self._load, self._backbone, self._store, self._work, self._board = load, backbone, store, work, channel
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
        column = "overview" if self._backbone.uses_overview else "poster"
        films = pq.read_table(path, filesystem=filesystem, columns=["row", column], partitioning=None)
        vectors = self._encode(films, self._store.manifest.poster_shape)
        in_store.write_part(self._work, path, films["row"], [vector.astype(np.float16).tobytes() for vector in vectors])
        self._board.send.remote(len(films))
        return int(vectors[0].shape[-1])


def _text_encoder(backbone: Backbone) -> Encode:
    folder, encoder = backbones.load_text_encoder(backbone)
    words = WordPiece(folder)

    def encode(films: pa.Table, _: tuple[int, int, int]) -> list[np.ndarray]:
        ids, lengths = words.encode(films["overview"].to_pylist(), max_tokens=min(MAX_TOKENS, encoder.max_tokens))
        return list(encoder.token_states(ids, lengths))

    return encode


def _poster_encoder(backbone: Backbone) -> Encode:
    return views_of(backbones.load_image_encoder(backbone), backbone)


def views_of(look: ImageEncoder, backbone: Backbone) -> Encode:
    """Return a function that encodes posters, at the encoder's input size, and their mirror images."""

    def encode(films: pa.Table, shape: tuple[int, int, int]) -> list[np.ndarray]:
        posters = poster_array(films["poster"], shape)
        features = []
        for start in range(0, len(posters), _POSTERS_AT_A_TIME):
            seen = enlarged(posters[start : start + _POSTERS_AT_A_TIME], height=backbone.height, width=backbone.width)
            views = np.stack(np.split(look(np.concatenate([seen, seen[:, :, ::-1]])), VIEWS), axis=1)
            # All-zero pixels mean no poster; a joint model recognises that by all-zero features.
            views[~seen.any(axis=(1, 2, 3))] = 0
            features += list(views)
        return features

    return encode


ENCODERS: dict[str, Callable[[Backbone], Encode]] = {"text": _text_encoder, "poster": _poster_encoder}
