"""The store's films as the inputs of a model, read with Ray Data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from datasets.batches.batching import Block, bytes_array, truncate_tokens
from datasets.batches.feature_readers import feature_table
from datasets.batches.readers import read_films
from datasets.store.feature_store import VIEWS, FeatureSpecs
from datasets.store.film_store import Store, label_array, poster_array
from datasets.text.pretrained_tokenizer import WordPiece
from datasets.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import ray.data

Tokenizer = Vocabulary | WordPiece
"""An encoder of overviews into token ids."""


class FilmInput(Protocol):
    """One input of a model, as `genre_models.models.input_spec.ModelInput` describes it."""

    @property
    def name(self) -> str:
        """Return the column of the block."""

    @property
    def source(self) -> str:
        """Return the column of the store."""

    @property
    def form(self) -> str:
        """Return a key of `FORMS`."""

    @property
    def units(self) -> int:
        """Return the length of a feature vector."""

    @property
    def by_length(self) -> bool:
        """Return whether its length varies from film to film."""

    @property
    def max_tokens(self) -> int:
        """Return the maximum length in tokens."""


def input_table(
    store: Store,
    split: str,
    inputs: Iterable[FilmInput],
    features: FeatureSpecs,
    columns: Sequence[str],
    *,
    cpus: float = 1,
) -> ray.data.Dataset:
    """Return the columns that a split's inputs are made of, and further ones.

    Args:
        store: the store.
        split: name of the split.
        inputs: the model's inputs; each that is features has its name in `features`.
        features: the stored features, bytes in a column of the input's name.
        columns: further columns of the store, such as "row" or "labels".
        cpus: CPUs that each task requests.
    """
    columns = list(dict.fromkeys([*columns, *(one.source for one in inputs if one.form != "features")]))
    if features:
        return feature_table(store, split, features, columns=columns, cpus=cpus)
    return read_films(store, split, columns, cpus=cpus)


def input_films(
    store: Store,
    split: str,
    inputs: Iterable[FilmInput],
    features: FeatureSpecs,
    tokenizer: Tokenizer | None,
    *,
    cpus: float = 1,
) -> ray.data.Dataset:
    """Return a split's inputs as `input_block` makes them, and labels float32 [G]; arguments as there."""
    shape = store.manifest.poster_shape

    def to_inputs(films: pa.Table) -> Block:
        return {**input_block(films, inputs, tokenizer, shape), "labels": label_array(films["labels"])}

    films = input_table(store, split, inputs, features, ["labels"], cpus=cpus)
    return films.map_batches(to_inputs, batch_format="pyarrow", num_cpus=cpus)


def input_block(
    films: pa.Table, inputs: Iterable[FilmInput], tokenizer: Tokenizer | None, poster_shape: tuple[int, int, int]
) -> Block:
    """Return a model's inputs from a table of `input_table`, a column for each.

    Pixels are uint8 [n, H, W, 3], token ids int32 [n, max_tokens]. Features of posters are float16 [n, VIEWS, units],
    those of overviews bytes of float16 [length, units], truncated to `max_tokens`. "lengths" int32 [n] is the number of
    tokens. A null poster is all black, a null overview empty: so joint models know what a film lacks.
    """
    block: Block = {}
    for one in inputs:
        block |= FORMS[one.form](films, one, tokenizer, poster_shape)
    return block


def _pixels(films: pa.Table, one: FilmInput, _: Any, shape: tuple[int, int, int]) -> Block:
    column = films[one.source]
    if column.null_count:
        column = column.fill_null(bytes(int(np.prod(shape))))
    return {one.name: poster_array(column, shape)}


def _token_ids(films: pa.Table, one: FilmInput, tokenizer: Tokenizer | None, _: Any) -> Block:
    assert tokenizer is not None
    texts = [text or "" for text in films[one.source].to_pylist()]
    ids, lengths = tokenizer.encode(texts, max_tokens=one.max_tokens)
    return {one.name: ids, "lengths": lengths}


def _features(films: pa.Table, one: FilmInput, *_: Any) -> Block:
    rows = films[one.name].to_pylist()
    if not one.by_length:
        return {one.name: np.frombuffer(b"".join(rows), np.float16).reshape(-1, VIEWS, one.units)}
    lengths = np.array([len(row) // (2 * one.units) for row in rows], np.int32)
    block = {one.name: bytes_array(rows), "lengths": lengths}
    return truncate_tokens(block, vocabulary_size=0, max_tokens=one.max_tokens)


FORMS: dict[str, Callable[[pa.Table, FilmInput, Tokenizer | None, tuple[int, int, int]], Block]] = {
    "pixels": _pixels,
    "token_ids": _token_ids,
    "features": _features,
}
"""The forms of inputs, each with the function that makes its columns of a table of films."""
