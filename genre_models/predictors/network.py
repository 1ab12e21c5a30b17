"""A checkpoint's network on films: inputs made, cut into pieces, and scored by the compiled model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from datasets.batches.batching import BatchConfig, Block, padded_length, validation_batches
from datasets.batches.film_inputs import input_block
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import CheckpointError
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import encoder_of
from genre_models.explain.network import NetworkAttributions
from genre_models.models.input_spec import ONLY, ModelInput
from genre_models.predictors.encode_films import LOADERS, Encode, tokenizer_of
from genre_models.predictors.encoder_files import with_copied_weights
from genre_models.predictors.films import Films, Size
from genre_models.predictors.predictor import ModelInfo, info_of, score_where_possible

# Films in a forward pass. On a CPU larger ones are no faster (the CNN was a little slower on 256 than on 64), and
# smaller ones hold overviews of more similar length.
PIECE = 64
PIECE_ON_GPU = 512

Encoder = TypeVar("Encoder")


class Network:
    """A checkpoint's model, which scores tables of films."""

    def __init__(self, folder: Path, *, threads: int | None = None, piece: int = PIECE) -> None:
        """Load the checkpoint in a local folder; this imports TensorFlow.

        Args:
            folder: the checkpoint.
            threads: compute threads of this process; None for TensorFlow's default.
            piece: films in a forward pass.
        """
        from genre_models.training import trainer

        self.checkpoint = checkpoints.read(folder)
        self.inputs = self.checkpoint.inputs
        if threads:
            threads = min(threads, os.cpu_count() or 1)
            trainer.set_up_tensorflow(workers=1, threads=threads, inter_op_parallel=self.inputs.inter_op_parallel)
        self.model = checkpoints.load_model(folder)
        self.tokenizer = tokenizer_of(self.checkpoint)
        self._piece = piece

    def scores(
        self, films: pa.Table, poster_shape: tuple[int, int, int], progress: Callable[[int], None] = lambda _: None
    ) -> np.ndarray:
        """Return probabilities float32 [films, genres].

        Args:
            films: the columns that the inputs are made of, as `datasets.batches.film_inputs.input_table` reads them.
            poster_shape: (height, width, 3) of the posters.
            progress: called with the number of films of each piece, when it is done.
        """
        scores = np.empty((len(films), len(self.checkpoint.genres)), np.float32)
        for rows, inputs in self.batches(films, poster_shape):
            scores[rows] = self.model.predict_on_batch(inputs)[: len(rows)]
            progress(len(rows))
        return scores

    def batches(
        self, films: pa.Table, poster_shape: tuple[int, int, int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray | dict[str, np.ndarray]]]:
        """Yield row numbers, and the model's inputs of these films; there may be more of them, to fill a batch."""
        block = input_block(films, self.inputs, self.tokenizer, poster_shape)
        return (self._features if self.inputs.frozen else self._pieces)(block, len(films))

    def arrays(self, films: pa.Table, poster_shape: tuple[int, int, int]) -> list[np.ndarray]:
        """Return the model's inputs of all films, in the order of the Keras model's; none is of a frozen encoder."""
        block = input_block(films, self.inputs, self.tokenizer, poster_shape)
        if one := self.inputs.by_length:
            block[one.name] = block[one.name][:, : int(block["lengths"].max(initial=1))]
        return [block[ONLY]] if ONLY in block else [block[tensor.name] for tensor in self.model.inputs]

    def _pieces(self, block: Block, films: int) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield row numbers and model inputs; overviews are sorted by length to minimize padding."""
        one = self.inputs.by_length
        if one is None:
            for rows in self._cut(np.arange(films)):
                # A view: no pixel is copied.
                yield rows, _given({name: column[rows[0] : rows[-1] + 1] for name, column in block.items()})
            return
        ids, lengths = block[one.name], block["lengths"]
        others = [name for name in block if name not in (one.name, "lengths")]
        for rows in self._cut(np.argsort(lengths, kind="stable")):
            tokens = ids[rows, : padded_length(int(lengths[rows[-1]]), ids.shape[1])]
            yield rows, _given({**{name: block[name][rows] for name in others}, one.name: tokens})

    def _features(self, block: Block, films: int) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield row numbers and features in pieces, those of overviews sorted by length."""
        order = np.argsort(block["lengths"], kind="stable") if self.inputs.by_length else np.arange(films)
        ordered = {name: column[order] for name, column in block.items()} | {"labels": np.zeros((films, 0))}
        for batch in validation_batches([ordered], BatchConfig(self._piece)):
            count = int((batch["weights"] > 0).sum())
            yield order[:count], batch["inputs"]
            order = order[count:]

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        return np.array_split(rows, -(-len(rows) // self._piece)) if len(rows) else []


def _given(columns: Block) -> Any:
    """Return the argument of the Keras model: the only input itself, or several by name."""
    return columns.get(ONLY, columns)


class NetworkPredictor:
    """A checkpoint as a predictor: it decodes, tokenises and encodes films itself."""

    def __init__(
        self, folder: Path, *, threads: int | None = None, piece: int = PIECE, encoders: Path | None = None
    ) -> None:
        """Load the checkpoint in a local folder, and its frozen encoders.

        Args:
            folder: the checkpoint.
            threads: as of `Network`.
            piece: as of `Network`.
            encoders: a model folder that holds the encoders; else they must be installed.

        Raises:
            CheckpointError: it is no checkpoint, or an encoder is missing or has other weights.
        """
        self.network = Network(folder, threads=threads, piece=piece)
        self.info = network_info(self.network.checkpoint)
        self._size = next(iter(self.info.poster_sizes), None)
        self._encoders = {one.name: _load_encoder(one, encoders) for one in self.network.inputs.frozen}
        self.attributions: NetworkAttributions | None = None
        """Made by the first explanation and kept, as it costs seconds."""

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN for a film that lacks what the model needs."""
        return score_where_possible(self.info, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        return self.network.scores(*self.table(films))

    def table(self, films: Films) -> tuple[pa.Table, tuple[int, int, int]]:
        """Return the columns for the network's inputs, and the shape of the posters."""
        shape = (*(self._size or (1, 1)), 3)
        sources: dict[str, Any] = {}
        if self._size:
            sources["poster"] = poster_column(films.posters[self._size])
        if self.info.uses_overview:
            sources["overview"] = pa.array(films.overviews, pa.string())
        made_of: dict[str, Any] = {one.source: sources[one.source] for one in self.network.inputs if not one.is_frozen}
        for name, encode in self._encoders.items():
            features = encode(pa.table(sources), shape)
            made_of[name] = pa.array([one.astype(np.float16).tobytes() for one in features], pa.binary())
        return pa.table(made_of), shape


def poster_column(posters: np.ndarray) -> pa.Array:
    """Return posters uint8 [films, height, width, 3] as a column of a store, without copying."""
    pixels = np.ascontiguousarray(posters)
    kind = pa.binary(int(np.prod(pixels.shape[1:])))
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(pixels), [None, pa.py_buffer(pixels)])


def network_info(checkpoint: checkpoints.Checkpoint) -> ModelInfo:
    """Describe a checkpoint, without loading its network."""
    inputs = checkpoint.inputs
    # A joint model learned to do without an input only if it lacked one in training.
    learned = getattr(checkpoint.config, "modality_dropout", 0) > 0
    return info_of(
        f"{checkpoint.model_spec.label}, epoch {checkpoint.epoch}",
        checkpoint.genres,
        checkpoint.thresholds or [0.5] * len(checkpoint.genres),
        poster_size=_poster_size(checkpoint) if "poster" in inputs.sources else None,
        uses_overview="overview" in inputs.sources,
        needs_all=not (learned and all(one.optional for one in inputs)),
    )


def _poster_size(checkpoint: checkpoints.Checkpoint) -> Size:
    """Return the size of the posters of the store that a model was trained on.

    Frozen encoders take posters of any store and enlarge them: what they see hangs on the store's size.
    """
    if size := checkpoint.inputs.poster_size:
        return size
    if stored := checkpoint.store.get("poster"):
        return int(stored["height"]), int(stored["width"])
    # Checkpoints from before the store's size was kept: the size of the encoder.
    encoder = next(one.encoder for one in checkpoint.inputs if one.source == "poster")
    assert encoder is not None
    return encoder.backbone.height, encoder.backbone.width


def _load_encoder(one: ModelInput, encoders: Path | None) -> Encode:
    """Load a frozen encoder; raises as `load_frozen`."""
    return load_frozen(one, encoders, LOADERS[one.source])


def load_frozen(one: ModelInput, encoders: Path | None, load: Callable[[Backbone], Encoder]) -> Encoder:
    """Load the frozen encoder of an input, with the weights of the training.

    Args:
        one: the input.
        encoders: a model folder that holds the encoder; else it must be installed.
        load: loads it.

    Raises:
        CheckpointError: it is not installed, cannot be read, or has other weights.
    """
    assert one.encoder is not None
    backbone, known = with_copied_weights(one.encoder, encoders).backbone, one.encoder.digest
    try:
        weights = encoder_of(backbone.name).digest(backbone)
        if known not in ("", weights):
            raise CheckpointError(
                f"the model was trained on features of {backbone.name} with the weights {known[:12]}…, "
                f"and those of {backbone.weights or 'this installation'} are {weights[:12]}…: it needs its own"
            )
        return load(backbone)
    except (ImportError, OSError) as error:
        raise CheckpointError(f"the model needs the encoder {backbone.name}: {error}") from error
