"""Artefacts that take pixels and token ids: a Keras file, an ONNX file, a LiteRT file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from genre_models.export.inputs import OUTPUT, ArtefactInput, numeric_inputs, numeric_model
from genre_models.export.parts import ExportError, Part

OPSET = 18


def write_keras(part: Part, path: Path) -> tuple[ArtefactInput, ...]:
    """Write a model as a .keras file of Keras' own layers; return its inputs.

    Raises:
        ExportError: a part needs text.
    """
    numeric_model(part).save(path)
    return numeric_inputs(part)


def write_onnx(part: Part, path: Path) -> tuple[ArtefactInput, ...]:
    """Write a model as an ONNX file; return its inputs.

    Raises:
        ExportError: a part needs text, or the extra `export` is not installed.
    """
    inputs = numeric_inputs(part)
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ExportError(f"--format onnx needs the extra export ({error}): `pip install -e '.[export]'`") from error
    model = numeric_model(part)
    function = _function(lambda given: model(given, training=False), inputs, films=None)
    proto, _ = tf2onnx.convert.from_function(
        function,
        input_signature=list(function.input_signature),
        opset=OPSET,
        custom_op_handlers={"Erfc": (_one_minus_erf, [])},
    )
    _name_axes(proto, inputs)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
    return inputs


def write_litert(part: Part, path: Path) -> tuple[ArtefactInput, ...]:
    """Write a model as a LiteRT file for one film at a time; return its inputs.

    Token ids are padded to their maximum: LiteRT's loops take tensors of one shape.

    Raises:
        ExportError: a part needs text, or has an operation that LiteRT lacks.
    """
    inputs = numeric_inputs(part)
    model = numeric_model(part)
    # Constants: as variables they would have no values in the loops of LiteRT (2.3).
    weights = [
        [tf.constant(one.numpy()) for one in some]
        for some in (model.trainable_variables, model.non_trainable_variables)
    ]
    function = _function(lambda given: model.stateless_call(*weights, given, training=False)[0], inputs, films=1)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    try:
        path.write_bytes(converter.convert())
    except Exception as error:  # the converter's own class is not public
        lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
        raise ExportError(f"LiteRT cannot hold {part.info.label}: {lines[-1].strip()[:200]}") from error
    return inputs


def _function(call: Any, inputs: Sequence[ArtefactInput], *, films: int | None) -> Any:
    """Return a `tf.function` of inputs in order; for a fixed number of films token ids have their maximum length."""
    specs = [
        tf.TensorSpec(
            (films, *(one.max_tokens if films and size is None else size for size in one.shape)),
            one.dtype,
            name=one.name,
        )
        for one in inputs
    ]

    def predict(*values: Any) -> dict[str, Any]:
        return {OUTPUT: call(dict(zip((one.name for one in inputs), values, strict=True)))}

    return tf.function(predict, input_signature=specs, autograph=False)


def _one_minus_erf(graph: Any, node: Any, name: str, _: Any) -> None:
    """Write TensorFlow's Erfc, of the exact GELU, in operations that ONNX has; a handler of tf2onnx."""
    node.type = "Erf"
    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    inputs = [one.output[0], node.output[0]]
    graph.insert_new_node_on_output("Sub", node.output[0], name=f"{name}_complement", inputs=inputs)


def _name_axes(proto: Any, inputs: Sequence[ArtefactInput]) -> None:
    """Name the axes of ONNX inputs and outputs whose length varies: films, and tokens."""
    forms = {one.name: one.form for one in inputs}
    for value in (*proto.graph.input, *proto.graph.output):
        axes = value.type.tensor_type.shape.dim
        axes[0].dim_param = "films"
        if forms.get(value.name) == "token_ids":
            axes[1].dim_param = f"{value.name}_length"
