"""Reliability of the probabilities, in sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genre_models.report.findings.comparison_query import label
from genre_models.report.style.formats import listed, number, show


def measured(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the models with calibration metrics, in order."""
    return [key for key, model in comparison["models"].items() if model.get("calibration")]


def reliability(comparison: Mapping[str, Any]) -> str:
    """Describe the models whose surest answers are too low or too high."""
    models = {key: comparison["models"][key] for key in measured(comparison)}
    leans = {key: _lean(model) for key, model in models.items() if model.get("sees") != "nothing"}
    sentences = [f"{label(comparison, key)} {lean}." for key, lean in leans.items() if lean]
    if scaled := [label(comparison, key) for key, model in models.items() if model.get("scaling")]:
        sentences.append(f"{listed(scaled)}: calibrated on the validation films (Platt scaling), thresholds too.")
    return " ".join(sentences) or "No model puts its surest answers clearly too low or too high."


def unscaled(comparison: Mapping[str, Any]) -> str:
    """Return a note for sections with uncalibrated probabilities. Empty if no model is calibrated."""
    if not any(model.get("scaling") for model in comparison["models"].values()):
        return ""
    return "Probabilities here are as trained, not calibrated: loss and F1 do not compare with the table of metrics."


def _lean(model: Mapping[str, Any]) -> str:
    """Describe a bias of the last bin, the likeliest pairs. Empty if it is within two standard errors."""
    last = (model["calibration"].get("bins") or [{}])[-1]
    score, share, pairs = (number(last.get(name)) for name in ("score", "share", "pairs"))
    if score is None or share is None or not pairs:
        return ""
    # Two standard errors of a proportion, about a 95 % interval.
    if abs(score - share) <= 2 * float(np.sqrt(max(score * (1 - score), 1e-9) / pairs)):
        return ""
    which = "too low" if score < share else "too high"
    return f"puts its surest answers {which} ({show(score, 2)} on average, where {show(share, 2)} come true)"
