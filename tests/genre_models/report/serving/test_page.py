"""The page of a service: models, safety with hostile texts, and what it may load."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from genre_models.report.serving.page import serving_page
from tests.genre_models.report.html_page import Page

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7 * 7 }}'


def model(key: str, label: str, *, poster: bool = True, overview: bool = True, **thresholds: float) -> dict[str, Any]:
    return {
        "model": key, "label": label, "uses_poster": poster, "uses_overview": overview,
        "thresholds": thresholds or {"Drama": 0.5},
    }  # fmt: skip


def service(*models: dict[str, Any], answering: str) -> dict[str, Any]:
    limits = {"body_bytes": 10_000_000, "poster_pixels": 16_000_000, "overview_characters": 10_000}
    return {"answering": answering, "genres": ["Drama"], "models": list(models), "limits": limits}


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="service">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found.group(1)))


def test_the_answering_model_is_first_and_inputs_have_their_colours() -> None:
    html = serving_page(
        service(
            model("cnn", "Poster CNN, epoch 12", overview=False),
            model("lstm", "Overview LSTM, epoch 8", poster=False),
            model("lstm-2", "Overview LSTM, epoch 9", poster=False),
            model("tfidf", "TF-IDF", poster=False),
            model("ensemble", "Ensemble"),
            answering="ensemble",
        )
    )
    models = data_of(html)["models"]
    assert [one["model"] for one in models] == ["ensemble", "cnn", "lstm", "lstm-2", "tfidf"]
    assert (models[-1]["colour"], models[-1]["glyph"]) == ("var(--grey-1)", "◇")  # as on the page of a comparison
    assert [one["colour"] for one in models[:3]] == ["var(--purple)", "var(--blue)", "var(--vermillion)"]
    assert len({one["colour"] for one in models}) == len({one["glyph"] for one in models}) == 5
    # The epoch is said where it tells two apart.
    assert [one["name"] for one in models] == [
        "Ensemble", "Poster CNN", "Overview LSTM, epoch 8", "Overview LSTM, epoch 9", "TF-IDF"
    ]  # fmt: skip
    page = Page(html)
    assert page.open == []
    assert "Give a poster, an overview or both. Ensemble, Poster CNN," in page.text
    assert "at most 10 MB and 16,000,000 pixels" in page.text


def test_only_inputs_that_a_model_takes_are_asked_for() -> None:
    page = Page(serving_page(service(model("model", "Overview LSTM, epoch 8", poster=False), answering="model")))
    assert "Give an overview. Overview LSTM answers." in page.text
    names = [attrs.get("name") for tag, attrs in page.tags if tag in ("input", "textarea")]
    assert names == ["overview"]


def test_hostile_texts_stay_texts() -> None:
    html = serving_page(service(model(HOSTILE, HOSTILE, **{HOSTILE: 0.5}), answering=HOSTILE))
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert [attrs.get("id") for tag, attrs in page.tags if tag == "img"] == ["preview"]
    assert data_of(html)["models"][0]["label"] == HOSTILE
    assert "{{ 7 * 7 }}" in page.text


def test_only_its_own_script_may_run_and_only_its_service_be_asked() -> None:
    html = serving_page(service(model("model", "Joint"), answering="model"))
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in Page(html).tags if attrs.get("http-equiv"))
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["script-src"] == f"'sha256-{digest}'"
    assert rules["connect-src"] == "'self'" and rules["img-src"] == "data: blob:"
