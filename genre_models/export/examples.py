"""Programs that use an artefact, written beside it; each needs its runtime, and nothing of this project."""

from __future__ import annotations

from collections.abc import Sequence

from genre_models.export.inputs import OUTPUT, ArtefactInput

_HEAD = '''"""Predict the genres of one film: python example.py POSTER_FILE "OVERVIEW"

Needs {needs}.
"""

import json
import sys
from pathlib import Path

import numpy as np
{imports}

HERE = Path(__file__).parent
CONFIG = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
poster, overview = [*sys.argv[1:], "", ""][:2]

inputs = {{
{inputs}
}}
{run}
ranked = sorted(zip(probabilities.tolist(), CONFIG["genres"], CONFIG["thresholds"]), reverse=True)
for probability, genre, threshold in ranked[:5]:
    print(f"{{'*' if probability >= threshold else ' '}} {{genre:<16}} {{probability:.3f}}")
'''
_NEEDS = {
    "savedmodel": ("tensorflow", "import tensorflow as tf"),
    "onnx": ("onnxruntime, numpy and Pillow", "import onnxruntime"),
    "litert": ("ai-edge-litert, numpy and Pillow", "from ai_edge_litert.interpreter import Interpreter"),
    "keras": ("keras with TensorFlow, numpy and Pillow", "import keras"),
}
_RUN = {
    "savedmodel": f'''model = tf.saved_model.load(str(HERE / "{{file}}")).signatures["serving_default"]
inputs = {{{{name: tf.constant(value) for name, value in inputs.items()}}}}
probabilities = model(**inputs)["{OUTPUT}"].numpy()[0]''',
    "onnx": f'''session = onnxruntime.InferenceSession(HERE / "{{file}}", providers=["CPUExecutionProvider"])
probabilities = session.run(["{OUTPUT}"], inputs)[0][0]''',
    "litert": f'''model = Interpreter(str(HERE / "{{file}}")).get_signature_runner()
probabilities = model(**inputs)["{OUTPUT}"][0]''',
    "keras": """model = keras.saving.load_model(HERE / "{file}", compile=False)
probabilities = np.asarray(model(inputs, training=False))[0]""",
}


def example(form: str, file: str, inputs: Sequence[ArtefactInput]) -> str:
    """Return the text of example.py for an artefact's format, file and inputs."""
    needs, imports = _NEEDS[form]
    used = {
        "poster_pixels": any(one.form == "pixels" for one in inputs),
        "read_tokens": (plain := any(one.form == "token_ids" and one.tokenizer != "encoder" for one in inputs)),
        "token_ids": plain,
        "encoder_token_ids": any(one.tokenizer == "encoder" for one in inputs),
    }
    if names := [name for name in sorted(used) if used[name]]:
        imports += f"\n\nfrom preprocessing import {', '.join(names)}"
    lines = [f'    "{one.name}": {_value(one)},' for one in inputs]
    return _HEAD.format(needs=needs, imports=imports, inputs="\n".join(lines), run=_RUN[form].format(file=file))


def _value(one: ArtefactInput) -> str:
    if one.form == "file":
        return '[Path(poster).read_bytes() if poster else b""]'
    if one.form == "text":
        return "[overview]"
    if one.form == "pixels":
        return f"poster_pixels(poster, height={one.height}, width={one.width})[None]"
    if one.tokenizer == "encoder":
        return f'encoder_token_ids(overview, HERE / "{one.vocabulary}", max_tokens={one.max_tokens})[None]'
    tokens = f'read_tokens(HERE / "{one.vocabulary}")'
    return f'token_ids(overview, {tokens}, tokenizer="{one.tokenizer}", max_tokens={one.max_tokens})[None]'
