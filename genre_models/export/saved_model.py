"""A SavedModel: files of posters and overviews in, probabilities out, all in one TensorFlow graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from genre_models.export import pictures
from genre_models.export.inputs import (
    IN_GRAPH,
    OUTPUT,
    OVERVIEW,
    POSTER,
    ArtefactInput,
    is_cut_in_graph,
    networks,
    poster_sizes,
    raw_inputs,
    result,
    tokenizer_of,
)
from genre_models.export.parts import Inputs, Part, TfidfPart
from genre_models.export.text import Texts


def write(part: Part, folder: Path) -> tuple[ArtefactInput, ...]:
    """Write a model as a SavedModel into a folder; return its inputs.

    An empty file is a film without poster, an overview of white space one without overview.
    """
    inputs = raw_inputs(part)
    graph = _Graph(part)
    specs = [tf.TensorSpec((None, *one.shape), one.dtype, name=one.name) for one in inputs]

    @tf.autograph.experimental.do_not_convert
    def predict(*values: Any) -> dict[str, Any]:
        given = dict(zip((one.name for one in inputs), values, strict=True))
        return {OUTPUT: graph.probabilities(given)}

    signature = tf.function(predict, input_signature=specs, autograph=False)
    graph.signature = signature
    tf.saved_model.save(graph, str(folder), signatures={"serving_default": signature})
    return inputs


class _Graph(tf.Module):
    """A model as a TensorFlow module: its variables and tables are what a SavedModel keeps."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part, self._texts = part, Texts()
        self._weights = [weight.value for one in networks(part) for weight in one.model.variables]

    def probabilities(self, given: Mapping[str, Any]) -> Any:
        """Return float32 [n, genres] from the inputs by name."""
        part, overviews = self._part, given.get(OVERVIEW)
        posters = {}
        if (files := given.get(POSTER)) is not None:
            posters = {size: pictures.decoded(files, *size) for size in poster_sizes(part)}
        tokens = {one.key: self._token_ids(one, given) for one in networks(part) if one.reads}
        tfidf = {
            one.key: self._texts.tfidf(overviews, one.weights) for one in part.all_parts() if isinstance(one, TfidfPart)
        }
        first = next(iter(given.values()))
        nothing = tf.zeros((tf.shape(first)[0],), tf.bool)
        has_poster = nothing if files is None else tf.not_equal(files, b"")
        if overviews is not None:
            has_overview = self._texts.have_words(overviews)
        else:
            has_overview = tf.reduce_any(next(iter(tokens.values())) > 0, axis=1) if tokens else nothing
        return result(part, Inputs(posters, has_poster, tokens, has_overview, tfidf))

    def _token_ids(self, one: Any, given: Mapping[str, Any]) -> Any:
        """Return the token ids of a network, from text or as given."""
        if (tokenizer := tokenizer_of(one)) not in IN_GRAPH and is_cut_in_graph(one):
            return self._texts.piece_ids(given[OVERVIEW], one.tokenizer_json, one.max_tokens)
        if tokenizer in IN_GRAPH:
            return self._texts.token_ids(given[OVERVIEW], one.checkpoint.vocabulary, tokenizer, one.max_tokens)
        name = next(each.name for each in raw_inputs(self._part) if each.part == one.key and each.form == "token_ids")
        return given[name]
