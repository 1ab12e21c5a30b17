"""Export of a model into a folder: artefact, vocabularies, model card, and programs that use it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.storage import atomic, files
from genre_models.export.inputs import ArtefactInput
from genre_models.export.parts import ExportError, NetworkPart, Part, read_parts
from genre_models.predictors.predictor import ModelInfo
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import UsageError
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.exporting.drawn_films import drawn_films
from ray_jobs.exporting.measured import measured

CONFIG = "config.json"
"""File that describes an artefact to programs; it is written last."""
_FORMAT = "film-genres artefact"
FILES = {"savedmodel": "saved_model", "onnx": "model.onnx", "litert": "model.tflite", "keras": "model.keras"}
"""Name of the model in an artefact, by format."""
_OWN = re.compile(
    r"saved_model/.+|model\.(onnx|tflite|keras)|config\.json|README\.md|example\.py|preprocessing\.py|\.gitattributes"
    r"|(\w+_)?(vocabulary\.txt|tokenizer\.json)"
)
_TOLERANCE, _TOLERANCE_OF_LOW_PRECISION = 1e-5, 2e-2
# A value of a frozen encoder between two of float16 is rounded to either, by its last digits. With MiniLM and
# EfficientNet-Lite0 the joint model differed by 4e-5 in ONNX, and from itself, film by film, by 7e-6.
_TOLERANCE_OF_FEATURES = 2e-4
_LIBRARIES = ("tensorflow", "keras", "numpy", "pillow")
# Large files of a Hugging Face repository lie outside of git.
_ATTRIBUTES = "".join(
    f"{name} filter=lfs diff=lfs merge=lfs -text\n"
    for name in ("*.keras", "*.onnx", "*.tflite", "*.pb", "saved_model/variables/*")
)
_NEEDS = {
    frozenset({(True, True)}): "poster and overview",
    frozenset({(True, True), (True, False)}): "a poster",
    frozenset({(True, True), (False, True)}): "an overview",
    frozenset({(True, True), (True, False), (False, True)}): "a poster or an overview",
}


@dataclass(frozen=True)
class Request:
    """An export: models found, format, and result."""

    models: tuple[str, ...]
    """Folders of checkpoints or models; of several the mean is exported."""
    form: str
    out: str
    name: str = ""
    licence: str = ""
    push_layout: bool = False
    overwrite: bool = False


def export_model(request: Request, console: Console) -> None:
    """Export a model; nothing is written if that fails, or if the artefact predicts something else.

    Raises:
        UsageError: the format cannot hold the model, a package is missing, or the result exists.
        CheckpointError: there is no model.
    """
    _require_free(request)
    console.status("loading the model")
    try:
        with contextlib.ExitStack() as stack, quiet_stderr():
            folders = [stack.enter_context(files.local_copy(place)) for place in request.models]
            checked = _export(request, folders, console)
    except ExportError as error:
        raise UsageError(str(error)) from error
    console.line(f"Exported to {request.out}: {FILES[request.form]}, {checked}")
    console.line(f'  python {files.join(request.out, "example.py")} POSTER_FILE "OVERVIEW"')


def _require_free(request: Request) -> None:
    try:
        is_ours = files.parse_json(files.read_text(files.join(request.out, CONFIG))).get("format") == _FORMAT
    except (OSError, ValueError, AttributeError):
        is_ours = False
    if files.exists(request.out) and not (is_ours and request.overwrite):
        advice = (
            "--overwrite replaces it" if is_ours else "it is no exported model: take another --out, or move it away"
        )
        raise UsageError(f"--out {request.out} exists; {advice}")


def _is_own(path: str) -> bool:
    """Return whether a path within an artefact is that of its own file."""
    return _OWN.fullmatch(path) is not None


def _export(request: Request, folders: Sequence[Path], console: Console) -> str:
    """Write the artefact of models in local folders; return how it was compared with them."""
    part = read_parts(folders)
    with atomic.new_local_folder(request.out, last=CONFIG, own=_is_own) as folder:
        console.status(f"writing {FILES[request.form]}")
        inputs = _write_model(part, request.form, folder)
        _write_vocabularies(part, inputs, folder)
        console.status("comparing it with the model")
        checked = _compared(part, request, inputs, folder)
        _write_texts(part, request, inputs, checked, folder)
    return checked


def _write_model(part: Part, form: str, folder: Path) -> tuple[ArtefactInput, ...]:
    # Imported here: these import TensorFlow.
    from genre_models.export import numeric_files, saved_model

    writers = {
        "savedmodel": saved_model.write,
        "onnx": numeric_files.write_onnx,
        "litert": numeric_files.write_litert,
        "keras": numeric_files.write_keras,
    }
    return writers[form](part, folder / FILES[form])


def _write_vocabularies(part: Part, inputs: Sequence[ArtefactInput], folder: Path) -> None:
    by_key = {one.key: one for one in part.all_parts() if isinstance(one, NetworkPart)}
    for one in inputs:
        if one.form == "token_ids":
            known = by_key[one.part]
            text = known.tokenizer_json or "".join(f"{token}\n" for token in known.checkpoint.vocabulary)
            (folder / one.vocabulary).write_text(text, encoding="utf-8")


def _compared(part: Part, request: Request, inputs: Sequence[ArtefactInput], folder: Path) -> str:
    """Compare an artefact with the model on drawn films; return the result in words.

    Raises:
        ExportError: they differ.
    """
    from genre_models.export.runtimes import RUNTIMES, input_values
    from genre_models.predictors.films import read_films
    from genre_models.predictors.load import load_predictor

    package, run = RUNTIMES[request.form]
    if importlib.util.find_spec(package) is None:
        return f"not compared, because {package} is not installed"
    posters, overviews = drawn_films([word for one in _networks(part) for word in one.checkpoint.vocabulary])
    wanted = load_predictor(*request.models)
    films, _ = read_films([one or None for one in posters], overviews, sizes=wanted.info.poster_sizes)
    expected = wanted.scores(films)
    found = run(folder / FILES[request.form], input_values(inputs, posters, overviews, folder))
    difference = float(np.abs(np.nan_to_num(found, nan=9) - np.nan_to_num(expected, nan=9)).max())
    if not difference <= _tolerance(part):
        raise ExportError(
            f"the {request.form} artefact predicts something else than the model: probabilities differ by up to "
            f"{difference:.2g} on {len(posters)} drawn films; nothing is written"
        )
    return f"probabilities of {len(posters)} drawn films differ by at most {difference:.1e} (run by {package})"


def _tolerance(part: Part) -> float:
    checkpoints = [one.checkpoint for one in _networks(part)]
    if any(one.recipe.dtype_policy != "float32" for one in checkpoints):
        return _TOLERANCE_OF_LOW_PRECISION
    return _TOLERANCE_OF_FEATURES if any(one.inputs.frozen for one in checkpoints) else _TOLERANCE


def _networks(part: Part) -> list[NetworkPart]:
    return [one for one in part.all_parts() if isinstance(one, NetworkPart)]


# -- texts ------------------------------------------------------------------------------------------------------------


def _write_texts(part: Part, request: Request, inputs: Sequence[ArtefactInput], checked: str, folder: Path) -> None:
    from genre_models.export import card, examples, preprocessing

    file = FILES[request.form]
    name = request.name or files.name(files.absolute(request.out))
    versions = {library: importlib.metadata.version(library) for library in _LIBRARIES}
    info = part.info
    facts = card.CardFacts(
        name=name, label=_sentence(info.label), form=request.form, file=file, parts=_descriptions(part),
        genres=info.genres, thresholds=info.thresholds.tolist(), inputs=inputs, needs=_needs(info), store=part.store,
        measured=measured(request.models, part), checked=checked, licence=request.licence, versions=versions,
        notes=_notes(part),
    )  # fmt: skip
    (folder / "README.md").write_text(card.model_card(facts, metadata=request.push_layout), encoding="utf-8")
    (folder / "example.py").write_text(examples.example(request.form, file, inputs), encoding="utf-8")
    if any(one.form in ("pixels", "token_ids") for one in inputs):
        (folder / "preprocessing.py").write_text(inspect.getsource(preprocessing), encoding="utf-8")
    if request.push_layout:
        (folder / ".gitattributes").write_text(_ATTRIBUTES, encoding="utf-8")
    text = json.dumps(_config(facts, info), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def _config(facts: Any, info: ModelInfo) -> dict[str, Any]:
    """Return config.json; `id2label` and `label2id` are as in other Hugging Face repositories."""
    return {
        "format": _FORMAT,
        "name": facts.name,
        "file": facts.file,
        "library": facts.form,
        "problem_type": "multi_label_classification",
        "genres": list(info.genres),
        "thresholds": info.thresholds.tolist(),
        "id2label": {str(number): genre for number, genre in enumerate(info.genres)},
        "label2id": {genre: number for number, genre in enumerate(info.genres)},
        "inputs": [{**asdict(one), "shape": list(one.shape), "dtype": one.dtype} for one in facts.inputs],
        "output": {"name": "probabilities", "dtype": "float32"},
        "scorable": [{"poster": poster, "overview": overview} for poster, overview in sorted(info.scorable)],
        "trained_on": {"fingerprint": facts.store.get("fingerprint", ""), "films": facts.store.get("films", {})},
        "versions": dict(facts.versions),
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _descriptions(part: Part) -> list[str]:
    described = []
    for one in part.all_parts():
        if isinstance(one, NetworkPart):
            described.append(f"{_sentence(one.info.label)}: {one.checkpoint.model_spec.description}")
        elif not hasattr(one, "members"):
            described.append(
                f"{one.info.label}: words and word pairs of the overview, and a logistic regression a genre"
            )
    return described


def _needs(info: ModelInfo) -> str:
    return _NEEDS.get(info.scorable, "poster and overview")


def _notes(part: Part) -> list[str]:
    low = {one.checkpoint.recipe.dtype_policy for one in _networks(part)} - {"float32"}
    notes = [f"It was trained in {', '.join(sorted(low))} and computes in float32 here: probabilities differ by that."]
    inputs = [one for each in _networks(part) for one in each.checkpoint.inputs.frozen]
    frozen = {one.encoder.backbone.name for one in inputs if one.encoder}
    features = [
        f"It holds the frozen encoder {' and '.join(sorted(frozen))}, by others and under their licence. Its features "
        "are rounded to float16 as in training, so that the last digits of a runtime move probabilities by some 1e-5."
    ]
    return notes * bool(low) + features * bool(frozen)
