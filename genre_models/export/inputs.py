"""The inputs of an artefact, and of each part of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genre_models.export.parts import ExportError, Inputs, NetworkPart, Part, Size, TfidfPart

IN_GRAPH = ("split", "words", "stems")
"""Tokenizers of `datasets.text.vocabulary` that a SavedModel can hold; the others cut words into pieces outside."""
POSTER, OVERVIEW, TOKENS = "poster", "overview", "tokens"
OUTPUT = "probabilities"


@dataclass(frozen=True)
class ArtefactInput:
    """One input of an artefact; the first axis are the films."""

    name: str
    form: str
    """"file" (bytes of a JPEG or PNG), "pixels" (uint8), "text" (UTF-8) or "token_ids" (int32, padded with 0)."""
    height: int = 0
    width: int = 0
    """Size of a poster in pixels."""
    part: str = ""
    """Key of the network that reads the token ids."""
    tokenizer: str = ""
    max_tokens: int = 0
    """Most token ids of a film."""
    vocabulary: str = ""
    """File with one token a line, in the order of the ids from 2 on."""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Return the shape without films."""
        return {"pixels": (self.height, self.width, 3), "token_ids": (None,)}.get(self.form, ())

    @property
    def dtype(self) -> str:
        """Return the type of a value."""
        return {"pixels": "uint8", "token_ids": "int32"}.get(self.form, "string")


def networks(part: Part) -> list[NetworkPart]:
    """Return the networks in a model."""
    return [one for one in part.all_parts() if isinstance(one, NetworkPart)]


def poster_sizes(part: Part) -> list[Size]:
    """Return the sizes of posters that a model takes, in order."""
    return sorted({one.poster_size for one in networks(part) if one.poster_size})


def numeric_inputs(part: Part) -> tuple[ArtefactInput, ...]:
    """Return the inputs of a format that decodes no pictures and reads no text: pixels and token ids.

    Raises:
        ExportError: a part needs text.
    """
    for one in part.all_parts():
        if isinstance(one, TfidfPart):
            where = f" of {part.info.label}" if one is not part else ""
            raise ExportError(
                f"{one.info.label}{where} counts words and word pairs of text, which this format cannot do: take "
                "--format savedmodel"
            )
    sizes = poster_sizes(part)
    posters = [
        ArtefactInput(POSTER if len(sizes) == 1 else f"{POSTER}_{height}x{width}", "pixels", height, width)
        for height, width in sizes
    ]
    return (*posters, *(_token_input(one, part) for one in networks(part) if one.reads))


def raw_inputs(part: Part) -> tuple[ArtefactInput, ...]:
    """Return the inputs of a format that decodes pictures and reads text: files, texts, and token ids of pieces."""
    readers = [one for one in networks(part) if one.reads]
    outside = [one for one in readers if not is_cut_in_graph(one)]
    reads_text = len(outside) < len(readers) or any(isinstance(one, TfidfPart) for one in part.all_parts())
    poster = [ArtefactInput(POSTER, "file")] * bool(poster_sizes(part))
    overview = [ArtefactInput(OVERVIEW, "text")] * reads_text
    return (*poster, *overview, *(_token_input(one, part) for one in outside))


def is_cut_in_graph(part: NetworkPart) -> bool:
    """Return whether a SavedModel can cut a network's overviews into tokens."""
    return part.tokenizer in IN_GRAPH or is_bert(part.tokenizer_json)


def is_bert(tokenizer_json: str) -> bool:
    """Return whether a tokenizer.json is laid out as BERT's, which a SavedModel can hold; empty is none."""
    if not tokenizer_json:
        return False
    made = json.loads(tokenizer_json)
    kinds = [(made.get(name) or {}).get("type") for name in ("normalizer", "pre_tokenizer", "model")]
    plain = not any(
        token[name] for token in made["added_tokens"] for name in ("lstrip", "rstrip", "normalized", "single_word")
    )
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and plain


def tokenizer_of(part: NetworkPart) -> str:
    """Return the way a network's overviews are cut into tokens; "encoder" for an encoder's own."""
    return part.tokenizer


def vocabulary_file(part: NetworkPart) -> str:
    """Return the name of the file of a network's tokens in an artefact."""
    kind = "tokenizer.json" if part.tokenizer_json else "vocabulary.txt"
    return f"{part.key}_{kind}".lstrip("_")


def _token_input(part: NetworkPart, whole: Part) -> ArtefactInput:
    name = TOKENS if part is whole else f"{TOKENS}_{part.key}"
    return ArtefactInput(
        name, "token_ids", part=part.key, tokenizer=part.tokenizer, max_tokens=part.max_tokens,
        vocabulary=vocabulary_file(part),
    )  # fmt: skip


def numeric_films(inputs: Sequence[ArtefactInput], values: Mapping[str, Any]) -> Inputs:
    """Return a model's inputs from pixels and token ids.

    A poster is missing if it is all black, an overview if it has no token id.
    """
    # Imported here: Keras imports TensorFlow (5 s).
    from keras import ops

    posters = {(one.height, one.width): values[one.name] for one in inputs if one.form == "pixels"}
    tokens = {one.part: values[one.name] for one in inputs if one.form == "token_ids"}
    first = next(iter((*posters.values(), *tokens.values())))
    every = ops.any(ops.greater_equal(first, 0), axis=tuple(range(1, len(first.shape))))
    has_poster = has_overview = ops.logical_not(every)
    if posters:
        has_poster = ops.any(ops.not_equal(next(iter(posters.values())), 0), axis=(1, 2, 3))
    if tokens:
        has_overview = ops.any(ops.not_equal(next(iter(tokens.values())), 0), axis=1)
    return Inputs(posters, has_poster, tokens, has_overview, {})


def result(part: Part, films: Inputs) -> Any:
    """Return probabilities float32 [n, genres], NaN for a film that lacks what the model needs."""
    from keras import ops

    values, able = part.scores(films)
    return ops.where(able[:, None], values, float("nan"))


def numeric_model(part: Part) -> Any:
    """Return a Keras model of stock layers: pixels and token ids by name -> probabilities float32 [n, genres].

    Raises:
        ExportError: a part needs text.
    """
    import keras

    inputs = numeric_inputs(part)
    given = {one.name: keras.Input(one.shape, dtype=one.dtype, name=one.name) for one in inputs}
    probabilities = result(part, numeric_films(inputs, given))
    named = keras.layers.Identity(name=OUTPUT)(probabilities)
    return keras.Model(given, named, name="film_genres")
