"""Token ids of overviews, and features of films by frozen encoders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from datasets.batches.film_inputs import Tokenizer
from datasets.raw.posters import enlarged
from datasets.store.feature_store import VIEWS
from datasets.store.film_store import poster_array
from datasets.text.pretrained_tokenizer import WordPiece
from datasets.text.vocabulary import Vocabulary
from genre_models.checkpoint import Checkpoint
from genre_models.encoders.encoder import Backbone, EncodePosters
from genre_models.encoders.registry import image_encoder, text_encoder

Encode = Callable[[pa.Table, tuple[int, int, int]], list[np.ndarray]]
"""Films of a store and the shape of its posters -> float16 [views, units] or [tokens, units] of each film."""

_POSTERS_AT_A_TIME = 32


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer | None:
    """Return the tokenizer of a model's token ids; None for a model without them."""
    if checkpoint.tokenizer:
        return WordPiece(checkpoint.tokenizer)
    ids = checkpoint.inputs.own_vocabulary
    return Vocabulary(checkpoint.vocabulary, tokenizer=ids.tokenizer) if ids else None  # type: ignore[arg-type]


def _load_text_encoder(backbone: Backbone) -> Encode:
    named = text_encoder(backbone)
    encoder, words = named.load(backbone), WordPiece(named.folder(backbone.path))
    max_tokens = min(named.max_tokens, encoder.max_tokens)

    def encode(films: pa.Table, _: tuple[int, int, int]) -> list[np.ndarray]:
        ids, lengths = words.encode(films["overview"].to_pylist(), max_tokens=max_tokens)
        return list(encoder.token_states(ids, lengths))

    return encode


def _load_image_encoder(backbone: Backbone) -> Encode:
    return views_of(image_encoder(backbone).load(backbone), backbone)


def views_of(look: EncodePosters, backbone: Backbone) -> Encode:
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


LOADERS: dict[str, Callable[[Backbone], Encode]] = {"overview": _load_text_encoder, "poster": _load_image_encoder}
"""Functions that load an encoder, by what it encodes."""
