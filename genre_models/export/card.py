"""The model card of an artefact, and its metadata for a Hugging Face model repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from genre_models.export.inputs import ArtefactInput

LIBRARIES = {"savedmodel": "tf-keras", "onnx": "onnx", "litert": "tflite", "keras": "keras"}
_NAMES = {
    "savedmodel": "TensorFlow (SavedModel)",
    "onnx": "ONNX",
    "litert": "LiteRT (TensorFlow Lite)",
    "keras": "Keras",
}
_FORMS = {
    "file": "bytes of a JPEG or PNG file, upright; empty for a film without poster",
    "pixels": "RGB pixels, as `preprocessing.py` makes them; all 0 for a film without poster",
    "text": "overview in UTF-8; empty for a film without overview",
    "token_ids": "ids of the overview's tokens, as `preprocessing.py` makes them, padded with 0; all 0 for a film "
    "without overview",
}


@dataclass(frozen=True)
class Measured:
    """Metrics of a model on films that it did not learn from."""

    films: str
    """The films in words, such as "240 test films"."""
    rows: tuple[tuple[str, float, tuple[float, float] | None], ...]
    """Label of each metric, its value, and its 95 % interval if there is one."""


@dataclass(frozen=True)
class CardFacts:
    """The facts on a model card."""

    name: str
    label: str
    form: str
    file: str
    parts: Sequence[str]
    """Description of each network or TF-IDF model in it, a sentence without its end."""
    genres: Sequence[str]
    thresholds: Sequence[float]
    inputs: Sequence[ArtefactInput]
    needs: str
    """The inputs without which a film gets no probabilities."""
    store: Mapping[str, Any]
    """The store it learned from: {"fingerprint", "films": counts by split}."""
    measured: Measured | None
    checked: str
    """Comparison of its probabilities with the model's, in words."""
    licence: str
    versions: Mapping[str, str]
    notes: Sequence[str] = ()
    """Further limits."""


def model_card(facts: CardFacts, *, metadata: bool) -> str:
    """Return the text of README.md, with a head of YAML metadata if asked for."""
    films = facts.store.get("films", {})
    counts = ", ".join(f"{number:,} {split}" for split, number in films.items() if isinstance(number, int))
    parts = [
        f"# {facts.name}",
        f"{facts.label}: predicts the genres of a film, as an artefact of film-genres for {_NAMES[facts.form]}. It "
        "consists of:\n\n" + "\n".join(f"- {part}" for part in facts.parts),
        _use(facts),
        "## What it learned from\n\n"
        f"Films: {counts or 'numbers not kept'}. Fingerprint of films, pixels and split: "
        f"`{facts.store.get('fingerprint', 'not kept')}`. Thresholds were tuned on the validation films.",
        "## Metrics\n\n" + _metrics(facts.measured),
        f"This artefact against the model it was made from: {facts.checked}.",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _limits(facts)),
        "## Licence\n\n" + (facts.licence or "None was stated by whoever exported it: ask before you use it further."),
        "Made with " + ", ".join(f"{name} {version}" for name, version in facts.versions.items()) + ".",
    ]
    text = "\n\n".join(parts) + "\n"
    if not metadata:
        return text
    return f"---\n{yaml.safe_dump(hub_metadata(facts), sort_keys=False, allow_unicode=True)}---\n\n{text}"


def _use(facts: CardFacts) -> str:
    rows = [f"| `{one.name}` | {one.dtype} | {_shape(one, facts.form)} | {_FORMS[one.form]} |" for one in facts.inputs]
    chosen = zip(facts.genres, facts.thresholds, strict=True)
    lines = [
        "## Use",
        f'`python example.py POSTER_FILE "OVERVIEW"` predicts one film with `{facts.file}`.',
        "\n".join(["| input | type | shape | content |", "|---|---|---|---|", *rows]),
        f"The output `probabilities`, float32 [films, {len(facts.genres)}], has a column for each genre, in this "
        "order. A genre is chosen from its threshold on:",
        ", ".join(f"{genre} ({threshold:.3f})" for genre, threshold in chosen),
        f"A film needs {facts.needs}; one without has NaN. `config.json` has all this for programs.",
    ]
    return "\n\n".join(lines)


def _shape(one: ArtefactInput, form: str) -> str:
    films = "1" if form == "litert" else "films"
    tokens = str(one.max_tokens) if form == "litert" else f"up to {one.max_tokens}"
    return f"[{', '.join([films, *(tokens if size is None else str(size) for size in one.shape)])}]"


def _metrics(measured: Measured | None) -> str:
    if measured is None:
        return "None are known: it was not evaluated."
    rows = [
        f"| {label} | {value:.3f} | {f'{interval[0]:.3f} to {interval[1]:.3f}' if interval else 'not known'} |"
        for label, value, interval in measured.rows
    ]
    return f"On {measured.films}.\n\n| metric | value | 95 % interval |\n|---|---|---|\n" + "\n".join(rows)


def _limits(facts: CardFacts) -> list[str]:
    limits = [
        "It knows the genres above alone, as the films it learned from were labelled, and no others.",
        "Genres with few training films are predicted badly, and overviews in other languages are not understood.",
        "Posters and overviews reflect the taste and the market of their films: a prediction is no statement on a "
        "film's content, and not made for decisions about people.",
        *facts.notes,
    ]
    if any(one.form == "file" for one in facts.inputs):
        limits.append("Files are JPEG or PNG; an EXIF orientation is not applied.")
    if facts.form == "litert":
        limits.append("It takes one film at a time.")
    return limits


def hub_metadata(facts: CardFacts) -> dict[str, Any]:
    """Return the metadata of a Hugging Face model repository."""
    forms = {one.form for one in facts.inputs}
    sees, reads = bool(forms & {"file", "pixels"}), bool(forms & {"text", "token_ids"})
    pipeline = None if sees and reads else "image-classification" if sees else "text-classification"
    values: dict[str, Any] = {"license": facts.licence.lower() or "unknown", "library_name": LIBRARIES[facts.form]}
    if pipeline:
        values["pipeline_tag"] = pipeline
    tags = {"movie-posters": sees, "movie-overviews": reads}
    values["tags"] = ["film-genres", "multi-label-classification", *(tag for tag, is_used in tags.items() if is_used)]
    if facts.measured:
        metrics = [
            {"type": label.lower().replace(" ", "_"), "name": label, "value": round(value, 6)}
            for label, value, _ in facts.measured.rows
        ]
        result = {
            "task": {"type": pipeline or "other", "name": "film genres"},
            "dataset": {
                "name": facts.measured.films,
                "type": f"film-store-{facts.store.get('fingerprint', '')[:12]}",
            },
            "metrics": metrics,
        }
        values["model-index"] = [{"name": facts.name, "results": [result]}]
    return values
