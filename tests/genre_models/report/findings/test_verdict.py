"""The verdict in words, from comparisons whose decisive metrics are set by hand."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from genre_models.report.findings.reliability import reliability, unscaled
from genre_models.report.findings.verdict import findings, headline, warnings
from tests.genre_models.report.example import ALL, example_comparison

MEAN_AP = "mean_average_precision"


def text_of(comparison: dict[str, Any], title: str) -> str:
    """The paragraph of that title."""
    return {finding.title: finding.text for finding in findings(comparison)}[title]


def set_gap(comparison: dict[str, Any], a: str, b: str, name: str, difference: float, half: float) -> None:
    """Sets a paired difference, however the pair is stored."""
    for pair in comparison["differences"]:
        if {pair["a"], pair["b"]} == {a, b}:
            middle = difference if pair["a"] == a else -difference
            pair["metrics"][name] = {"difference": middle, "interval": [middle - half, middle + half]}


@pytest.fixture
def comparison() -> dict[str, Any]:
    """The example with mean average precisions to reckon with: cnn 0.21, lstm 0.35, prior 0.11, tfidf 0.42."""
    made = example_comparison()
    for key, value in {"cnn": 0.21, "lstm": 0.35, "prior": 0.11, "tfidf": 0.42}.items():
        made["models"][key]["metrics"][MEAN_AP] = value
    set_gap(made, "lstm", "cnn", MEAN_AP, 0.14, 0.02)
    return made


def test_the_first_sentence_needs_no_term(comparison: dict[str, Any]) -> None:
    for key, value in {"cnn": 0.51, "lstm": 0.62, "prior": 0.49}.items():
        comparison["models"][key]["metrics"]["top3_recall"] = value
    assert findings(comparison)[0].text == (
        "Allowed three guesses a film, Overview BiLSTM finds 62 % of the genres, Poster CNN 51 %, Genre frequency 49 %."
    )


def test_a_clear_lead_comes_with_its_size_and_interval(comparison: dict[str, Any]) -> None:
    assert text_of(comparison, "Which is better") == (
        "Overview BiLSTM is better than Poster CNN: mean average precision 0.350 against 0.210, a difference of 0.140 "
        "(95 % interval 0.120 to 0.160)."
    )
    assert headline(comparison).startswith("Overview BiLSTM beats Poster CNN")


def test_an_interval_with_zero_in_it_decides_nothing(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "cnn", MEAN_AP, 0.01, 0.02)
    text = text_of(comparison, "Which is better")
    assert text.startswith("Overview BiLSTM and Poster CNN cannot be told apart:")
    assert "a difference of 0.010 (95 % interval −0.010 to 0.030)" in text
    assert "better" not in text
    assert "too close to call" in headline(comparison)


def test_losing_to_the_linear_baseline_is_said_plainly(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "tfidf", MEAN_AP, -0.07, 0.02)
    set_gap(comparison, "cnn", "tfidf", MEAN_AP, -0.01, 0.02)
    assert text_of(comparison, "Against the baselines").startswith(
        "Against TF-IDF + logistic regression: Poster CNN not clearly different; Overview BiLSTM clearly worse."
    )
    assert headline(comparison).endswith("and TF-IDF + logistic regression beats both")


@pytest.mark.parametrize(
    ("difference", "words"), [(0.1, "clearly better"), (0.004, "not clearly different"), (-0.05, "clearly worse")]
)
def test_standing_against_the_blind_prior(comparison: dict[str, Any], difference: float, words: str) -> None:
    set_gap(comparison, "cnn", "prior", MEAN_AP, difference, 0.01)
    set_gap(comparison, "lstm", "prior", MEAN_AP, difference, 0.01)
    text = text_of(comparison, "Against the baselines")
    assert text.endswith(f"Against Genre frequency: Overview BiLSTM and Poster CNN {words}.")


def test_one_trained_model() -> None:
    comparison = example_comparison(models=["cnn", "prior", "tfidf"])
    set_gap(comparison, "cnn", "tfidf", MEAN_AP, -0.13, 0.02)
    assert "TF-IDF + logistic regression is better than Poster CNN" in text_of(comparison, "Which is better")
    assert headline(comparison) == "Poster CNN loses to TF-IDF + logistic regression"


def test_baselines_only() -> None:
    comparison = example_comparison(models=["prior", "tfidf"])
    assert text_of(comparison, "Which is better") == "No trained model was evaluated, only baselines."
    assert headline(comparison) == "Baselines only: no trained model to compare"


def test_films_seen_in_training_are_a_warning(comparison: dict[str, Any]) -> None:
    assert warnings(comparison) == []
    comparison["seen_in_training"] = 12
    assert warnings(comparison)[0].startswith("12 of the 961 films evaluated here were also in the training split.")


def test_films_that_settings_were_chosen_by_are_a_warning(comparison: dict[str, Any]) -> None:
    comparison["seen_in_validation"] = 1
    assert warnings(comparison)[0].startswith("1 of the 961 films evaluated here was also in the validation split.")


def test_few_films_are_a_warning(comparison: dict[str, Any]) -> None:
    comparison["films"]["evaluated"] = 40
    assert warnings(comparison)[0].startswith("Only 40 films were evaluated.")


def test_rejected_films_are_counted(comparison: dict[str, Any]) -> None:
    comparison["films"]["rejected"] = 3
    comparison["evaluated_rejects"] = {"poster missing": 2, "overview empty": 1}
    text = text_of(comparison, "The films")
    assert "3,370 train, 480 validation and 961 test films; 3 were rejected" in text
    assert "rejected: 2 (poster missing) and 1 (overview empty)" in text


@pytest.fixture
def joined() -> dict[str, Any]:
    """All models, with mean average precisions to reckon with."""
    made = example_comparison(models=ALL)
    values = {"cnn": 0.21, "lstm": 0.35, "fusion": 0.4, "ensemble": 0.45, "prior": 0.11, "tfidf": 0.42}
    for key, value in values.items():
        made["models"][key]["metrics"][MEAN_AP] = value
    for a, b in combinations(values, 2):
        set_gap(made, a, b, MEAN_AP, values[a] - values[b], 0.02)
    return made


def test_the_question_stays_which_input_helps_more(joined: dict[str, Any]) -> None:
    assert text_of(joined, "Which is better").startswith("Overview BiLSTM is better than Poster CNN:")
    assert headline(joined) == (
        "Overview BiLSTM beats Poster CNN, and TF-IDF + logistic regression beats both; Ensemble beats them all"
    )


def test_joint_models_are_compared_with_the_best_of_one_input(joined: dict[str, Any]) -> None:
    text = text_of(joined, "Which is better")
    assert (
        "Ensemble is better than TF-IDF + logistic regression: mean average precision 0.450 against 0.420, a "
        "difference of 0.030 (95 % interval 0.010 to 0.050)."
    ) in text
    assert "TF-IDF + logistic regression and Poster + overview fusion cannot be told apart" in text


def test_an_ensemble_no_better_than_its_models(joined: dict[str, Any]) -> None:
    set_gap(joined, "ensemble", "tfidf", MEAN_AP, 0.01, 0.02)
    assert "Ensemble and TF-IDF + logistic regression cannot be told apart" in text_of(joined, "Which is better")
    assert "Ensemble" not in headline(joined)


def test_a_single_joint_model() -> None:
    comparison = example_comparison(models=["fusion", "prior"])
    assert headline(comparison) == "Poster + overview fusion beats Genre frequency"


def test_reliability_in_words(joined: dict[str, Any]) -> None:
    for model in joined["models"].values():
        model["calibration"]["bins"] = []
    assert reliability(joined) == "No model puts its surest answers clearly too low or too high."
    # Two standard errors of 0.5 in 100 pairs are 0.1.
    joined["models"]["tfidf"]["calibration"]["bins"] = [{"score": 0.5, "share": 0.7, "pairs": 100}]
    joined["models"]["lstm"]["calibration"]["bins"] = [{"score": 0.5, "share": 0.41, "pairs": 100}]
    assert reliability(joined) == (
        "TF-IDF + logistic regression puts its surest answers too low (0.50 on average, where 0.70 come true)."
    )
    assert unscaled(joined) == ""
    joined["models"]["lstm"]["scaling"] = {"Drama": [1.1, 0.2]}
    assert "not calibrated" in unscaled(joined)
    assert reliability(joined).endswith(
        "Overview BiLSTM: calibrated on the validation films (Platt scaling), thresholds too."
    )
