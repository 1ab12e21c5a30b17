"""Tables of a comparison: the best model of each genre, leads, and what models name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.genre_models.report.comparison.test_page import rewritten
from tests.genre_models.report.example import example_comparison
from tests.genre_models.report.example_films import comparison_with_films


def set_genre_gaps(comparison: dict[str, Any], gaps: dict[str, tuple[float, float]]) -> None:
    """Sets AP(cnn) - AP(lstm) and half its interval at some genres, and no clear difference at all others."""
    (pair,) = comparison["differences"]
    for genre in pair["per_genre"]:
        middle, half = gaps.get(genre, (0.01, 0.1))
        pair["per_genre"][genre] = {"difference": middle, "interval": [middle - half, middle + half]}
        for key, value in (("cnn", 0.5 + middle), ("lstm", 0.5)):
            comparison["models"][key]["per_genre"][genre]["average_precision"] = value


def test_the_best_model_of_each_genre_and_how_sure_that_is(tmp_path: Path) -> None:
    comparison = example_comparison(models=["cnn", "lstm"], example_films=0)
    set_genre_gaps(comparison, {"Animation": (0.2, 0.1), "War": (-0.3, 0.1), "News": (0.4, 0.1)})
    _, markdown, _ = rewritten(comparison, tmp_path)
    for row in (
        "| War | Overview BiLSTM | **+0.300** (0.200 to 0.400) | surely ahead of Poster CNN | 18 films |",
        "| Animation | Poster CNN | **+0.200** (0.100 to 0.300) | surely ahead of Overview BiLSTM | 35 films |",
        "| Drama | Poster CNN | +0.010 (−0.090 to 0.110) | Overview BiLSTM may be as good | 493 films |",
        "| News | Poster CNN | +0.400 (0.300 to 0.500) | too few films | 1 film |",
    ):
        assert row in markdown
    # 19 genres have ten evaluated films or more; 19 x 0.05 = 0.95.
    assert "In 2 of the 19 genres with at least 10 evaluated films" in markdown
    assert "About 1.0 would be by chance alone." in markdown
    assert "| Reality-TV | " not in markdown.partition("## The models")[0]  # no film


def test_a_genre_has_its_model_s_picks_and_a_film_that_shows_why(tmp_path: Path) -> None:
    comparison = comparison_with_films(24, ["cnn", "lstm", "prior"])
    for key, (first, precision) in {"cnn": (11, 0.6), "lstm": (9, 0.5), "prior": (5, 0.1)}.items():
        comparison["genre_details"]["models"][key]["Drama"]["first"] = first
        comparison["models"][key]["per_genre"]["Drama"]["average_precision"] = precision
    comparison["genre_films"] = {"Drama": "film007"}
    page, markdown, _ = rewritten(comparison, tmp_path)
    (row,) = [line for line in markdown.splitlines() if line.startswith("| Drama | Poster CNN |")]
    assert "| 11 of 493 (Overview BiLSTM: 9) |" in row and "| film007 | 493 films |" in row
    assert [attrs["data-judge"] for _, attrs in page.tags if attrs.get("data-open") == "film007"] == ["cnn"]
    assert "| see why |" in markdown
    for film in comparison["all_films"]:
        film["explanations"] = []
    assert "| for example |" in rewritten(comparison, tmp_path)[1]  # nothing says why
    meanings = [attrs["id"] for _, attrs in page.tags if str(attrs.get("id")).startswith("term-")]
    assert {"term-poster-cnn", "term-genre-frequency", "term-at-0-5"} <= set(
        meanings
    )  # models are explained like terms


def test_a_lead_is_bold_only_where_it_is_clear_and_to_the_good(tmp_path: Path) -> None:
    comparison = example_comparison(models=["cnn", "lstm"], example_films=0)
    for key, value in {"cnn": 0.3, "lstm": 0.2}.items():
        comparison["models"][key]["metrics"]["mean_average_precision"] = value
    comparison["differences"][0]["metrics"] = {
        "mean_average_precision": {"difference": 0.1, "interval": [0.05, 0.15]},
        "loss": {"difference": -0.02, "interval": [-0.03, -0.01]},
        "top3_recall": {"difference": -0.2, "interval": [-0.3, -0.1]},
        "at_tuned_micro_f1": {"difference": 0.01, "interval": [-0.01, 0.03]},
    }
    _, markdown, _ = rewritten(comparison, tmp_path)
    (line,) = [line for line in markdown.splitlines() if line.startswith("| Poster CNN over Overview BiLSTM")]
    for cell in (
        "**−0.020** (−0.030 to −0.010)", "**+0.100** (0.050 to 0.150)", "| −0.200 (−0.300 to −0.100)",
        "| +0.010 (−0.010 to 0.030)",
    ):  # fmt: skip
        assert cell in line


def test_what_a_model_names_at_the_plain_threshold(tmp_path: Path) -> None:
    comparison = example_comparison(models=["cnn", "lstm"], example_films=0)
    named = {"cnn": {"Drama": 500, "Comedy": 300, "Romance": 100, "Action": 99, "War": 1}, "lstm": {}}
    for key, times in named.items():
        for genre, entry in comparison["models"][key]["per_genre"].items():
            entry["at_half"]["predicted"] = times.get(genre, 0)
    _, markdown, _ = rewritten(comparison, tmp_path)
    # Five of the 23 genres that films have; 900 of 1,000 answers.
    assert "never named at 0.5 18 of 23 genres, most named at 0.5 Drama, Comedy and Romance, 90 %" in markdown
    assert "never named at 0.5 23 of 23 genres, most named at 0.5 none" in markdown
