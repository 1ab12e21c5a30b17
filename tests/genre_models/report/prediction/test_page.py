"""The page of a prediction: what it says of the films, its size, and safety with hostile texts."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from genre_models.report.prediction.page import MOST_FILMS, prediction_page
from tests.genre_models.report.html_page import Page

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7 * 7 }}'


def film(name: str, **changes: Any) -> dict[str, Any]:
    top = [["Drama", 0.8], ["Comedy", 0.3], ["Action", 0.05]]
    made = {"id": name, "overview": "A quiet town.", "poster_jpeg": None, "top": top, "chosen": ["Drama"], "note": ""}
    return {**made, **changes}


def prediction(**changes: Any) -> dict[str, Any]:
    made = {
        "model": "Ensemble", "paths": ["/report/models/ensemble"], "genres": ["Action", "Comedy", "Drama"],
        "thresholds": [0.5, 0.4, 0.25], "films": 4, "rejects": {"no overview": 2}, "problems": 1,
        "counts": {"Action": 0, "Comedy": 1, "Drama": 3}, "files": ["predictions.csv", "rejects.csv"],
        "created": "2026-11-27", "command": "python ray_jobs/predict.py",
        "shown": [film("a"), film("b", poster_jpeg="QUJD", note="poster truncated")],
    }  # fmt: skip
    return {**made, **changes}


def test_it_says_what_was_predicted() -> None:
    page = Page(prediction_page(prediction()))
    text = " ".join(page.text.split())
    assert "The genres of 4 films" in text
    assert "Most films are Drama (75 %) and Comedy (25 %)." in text
    assert "2 films could not be predicted: no overview (2)." in text
    assert "1 film had an unusable poster" in text
    assert "Below are the first 2." in text
    assert page.open == []
    widths = [attrs["style"] for tag, attrs in page.tags if tag == "span" and attrs.get("style")]
    assert widths[:3] == ["width: 80.0%", "width: 30.0%", "width: 5.0%"]
    marks = [attrs["style"] for tag, attrs in page.tags if tag == "i"]
    assert marks[:3] == ["left: 25.0%", "left: 40.0%", "left: 50.0%"]
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "li"][:4] == [None, "hit", "miss", "miss"]
    assert [attrs["src"] for tag, attrs in page.tags if tag == "img"] == ["data:image/jpeg;base64,QUJD"]


def test_hostile_texts_stay_texts() -> None:
    shown = [film(HOSTILE, overview=HOSTILE, note=HOSTILE, chosen=[HOSTILE], top=[[HOSTILE, 0.5]])]
    page = Page(
        prediction_page(prediction(model=HOSTILE, genres=[HOSTILE], thresholds=[0.1], counts={HOSTILE: 1}, shown=shown))
    )
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, attrs in page.tags if tag == "img" or "onerror" in attrs]
    assert "49" not in page.text


def test_only_its_own_script_may_run() -> None:
    html = prediction_page(prediction())
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in Page(html).tags if attrs.get("http-equiv"))
    assert policy is not None and f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_its_size_is_bounded() -> None:
    many = [film(str(i), overview="word " * 10_000) for i in range(MOST_FILMS + 50)]
    html = prediction_page(prediction(films=100_000, shown=many))
    assert html.count("<article") == MOST_FILMS
    assert len(html) < 3_000_000


def test_explained_films() -> None:
    """Words from a fifth of the strongest are marked, those against the genre in another way; the rest is plain."""
    words = [["A", 0.3], ["quiet", 1.0], ["<town>", -0.5], ["rests.", 0.15], ["Weak", 0.0]]
    why = {"genre": "Drama", "words": words, "poster_share": 0.25, "heat_jpeg": "REVG"}
    shown = [film("a", poster_jpeg="QUJD", why=why), film("b")]
    page = Page(prediction_page(prediction(shown=shown)))
    text = " ".join(page.text.split())
    assert "The first film is explained, for the most probable genre" in text
    assert "Why Drama: poster 25 %, overview 75 %" in text and "A quiet <town> rests. Weak" in text
    marks = [(attrs.get("class"), attrs.get("style")) for tag, attrs in page.tags if tag == "mark"][2:]
    assert marks == [(None, "--strength: 0.30"), (None, "--strength: 1.00"), ("against", "--strength: 0.50")]
    assert [attrs["src"] for tag, attrs in page.tags if tag == "img"] == [
        "data:image/jpeg;base64,QUJD", "data:image/jpeg;base64,REVG",
    ]  # fmt: skip
    assert [attrs["alt"] for tag, attrs in page.tags if tag == "img"][1].endswith("red where it speaks for Drama")
    assert page.open == []


def test_weak_words_are_not_marked_and_long_overviews_are_cut() -> None:
    why = {"genre": "Drama", "words": [["weak", 0.09], ["some", -0.12], *[["word", 0.0]] * 500], "poster_share": None,
           "heat_jpeg": None}  # fmt: skip
    page = Page(prediction_page(prediction(shown=[film("a", why=why)])))
    marks = [(attrs.get("class"), attrs.get("style")) for tag, attrs in page.tags if tag == "mark"][2:]
    assert marks == [("against", "--strength: 0.24")]
    assert 100 < page.text.count("word") < 130 and "…" in page.text
    assert "Why Drama" in page.text and "Why Drama:" not in page.text
