"""Artefacts run by the runtimes that they are made for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genre_models.export import preprocessing
from genre_models.export.inputs import OUTPUT, ArtefactInput

Values = Mapping[str, Any]


def input_values(
    inputs: Sequence[ArtefactInput], posters: Sequence[bytes], overviews: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Return an artefact's inputs of films: files and texts, or arrays made as the artefact's user makes them.

    Args:
        inputs: the artefact's inputs.
        posters: bytes of a file for each film; empty for none.
        overviews: a text for each film; empty for none.
        folder: the artefact, whose vocabularies are read.
    """
    return {one.name: _values(one, posters, overviews, folder) for one in inputs}


def _values(one: ArtefactInput, posters: Sequence[bytes], overviews: Sequence[str], folder: Path) -> Any:
    if one.form == "file":
        return list(posters)
    if one.form == "text":
        return [overview.encode() for overview in overviews]
    if one.form == "pixels":
        size = {"height": one.height, "width": one.width}
        return np.stack([preprocessing.poster_pixels(poster, **size) for poster in posters])
    file, most = folder / one.vocabulary, one.max_tokens
    if one.tokenizer == "encoder":
        return np.stack([preprocessing.encoder_token_ids(text, file, max_tokens=most) for text in overviews])
    tokens = preprocessing.read_tokens(file)
    return np.stack(
        [preprocessing.token_ids(text, tokens, tokenizer=one.tokenizer, max_tokens=most) for text in overviews]
    )


def _savedmodel(path: Path, values: Values) -> np.ndarray:
    import tensorflow as tf

    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    return np.asarray(signature(**{name: tf.constant(value) for name, value in values.items()})[OUTPUT])


def _keras(path: Path, values: Values) -> np.ndarray:
    import keras

    return np.asarray(keras.saving.load_model(path, compile=False)(dict(values), training=False))


def _onnx(path: Path, values: Values) -> np.ndarray:
    # It would leave a file in the temporary folder, and report its use.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([OUTPUT], dict(values))[0])


def _litert(path: Path, values: Values) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    films = len(next(iter(values.values())))
    rows = [runner(**{name: value[film : film + 1] for name, value in values.items()}) for film in range(films)]
    return np.concatenate([row[OUTPUT] for row in rows])


RUNTIMES: dict[str, tuple[str, Callable[[Path, Values], np.ndarray]]] = {
    "savedmodel": ("tensorflow", _savedmodel),
    "keras": ("keras", _keras),
    "onnx": ("onnxruntime", _onnx),
    "litert": ("ai_edge_litert", _litert),
}
"""Of each format the runtime's package, and a function from an artefact's file and inputs to probabilities."""
