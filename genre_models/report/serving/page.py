"""The page of a service: a film goes in, and the genres by all models come out, side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genre_models.report.style.colours import (
    BASELINE_MARKS,
    GLYPHS,
    GREYS,
    MARK_OF_OTHERS,
    OF_OTHERS,
    PREFERRED,
    PREFERRED_MARKS,
    SPARE,
    SPARE_MARKS,
    VARIABLES,
)
from genre_models.report.style.formats import count, listed
from genre_models.report.style.render import REPORT, html

SCRIPTS = (REPORT / "charts" / "heat.js", Path(__file__).parent / "serving.js")


def serving_page(service: Mapping[str, Any]) -> str:
    """Return the HTML page of a service, with all external text escaped; it asks no other server for anything.

    Args:
        service: "answering" (key of the model whose genres are the answer), "genres", "models" (of each "model" (key),
            "label", "uses_poster", "uses_overview", "thresholds" by genre), and "limits" ("body_bytes",
            "poster_pixels", "overview_characters").
    """
    models = _styled(service)
    inputs = {
        "poster": any(model["uses_poster"] for model in models),
        "overview": any(model["uses_overview"] for model in models),
    }
    return html(
        "serving.html",
        script=SCRIPTS,
        # The page asks its own server, and shows the poster that was chosen.
        sources={"connect-src": "'self'", "img-src": "data: blob:", "form-action": "'self'"},
        title="The genres of a film",
        lead=_lead(models, inputs),
        inputs=inputs,
        limits=service["limits"],
        limit=f"{service['limits']['body_bytes'] / 1e6:g} MB and {count(service['limits']['poster_pixels'])} pixels",
        models=models,
        service={**service, "models": models},
    )


def _lead(models: list[dict[str, Any]], inputs: Mapping[str, bool]) -> str:
    given = (
        "a poster, an overview or both" if all(inputs.values()) else "a poster" if inputs["poster"] else "an overview"
    )
    names = listed([model["name"] for model in models], most=6)
    answer = f"{names} answer side by side" if len(models) > 1 else f"{names} answers"
    return f"Give {given}. {answer}."


def _styled(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the models, the answering one first, with name, colour and mark."""
    # The epoch matters only where it tells two models apart.
    short = [model["label"].split(", epoch ")[0] for model in service["models"]]
    ordered = sorted(service["models"], key=lambda model: model["model"] != service["answering"])
    result: list[dict[str, Any]] = []
    taken: list[str] = []
    for place, model in enumerate(ordered):
        both = model["uses_poster"] and model["uses_overview"]
        modality = "both" if both else "poster" if model["uses_poster"] else "overview"
        wanted = (PREFERRED[modality], PREFERRED_MARKS[modality])
        if model["model"] == service["answering"] and len(ordered) > 1:
            wanted = (OF_OTHERS, MARK_OF_OTHERS)
        elif model["model"] == "tfidf":
            wanted = (GREYS[0], BASELINE_MARKS[0])  # as in a comparison
        spare = [(colour, SPARE_MARKS[i % len(SPARE_MARKS)]) for i, colour in enumerate(SPARE)]
        free = [style for style in (wanted, *spare) if style[0] not in taken]
        colour, mark = free[0] if free else spare[place % len(spare)]
        taken.append(colour)
        name = model["label"].split(", epoch ")[0]
        name = name if short.count(name) == 1 else model["label"]
        result.append({**model, "name": name, "colour": f"var(--{VARIABLES[colour]})", "glyph": GLYPHS[mark]})
    return result
