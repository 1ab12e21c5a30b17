"""The verdict in words, from comparisons whose decisive figures are set by hand."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from genre_models.report.findings.reliability import reliability, unscaled
from genre_models.report.findings.verdict import evaluated_films, findings, headline, verdict, warnings
from tests.genre_models.report.example import ALL, example_comparison

MEAN_AP = "mean_average_precision"


def said(comparison: dict[str, Any], title: str) -> str:
    """The paragraph of that title."""
    return {finding.title: finding.text for finding in findings(comparison)}[title]


def set_gap(comparison: dict[str, Any], a: str, b: str, name: str, difference: float, half: float) -> None:
    """Sets a paired difference, however the pair is stored."""
    for pair in comparison["differences"]:
        if {pair["a"], pair["b"]} == {a, b}:
            middle = difference if pair["a"] == a else -difference
            pair["metrics"][name] = {"difference": middle, "interval": [middle - half, middle + half]}


def set_genre_gaps(comparison: dict[str, Any], gaps: dict[str, tuple[float, float]]) -> None:
    """Sets AP(cnn) - AP(lstm) and half its interval at some genres, and no clear difference at all others."""
    pair = comparison["differences"][0]
    for genre, entry in pair["per_genre"].items():
        if entry["difference"] is not None:
            middle, half = gaps.get(genre, (0.0, 0.1))
            pair["per_genre"][genre] = {"difference": middle, "interval": [middle - half, middle + half]}


@pytest.fixture
def comparison() -> dict[str, Any]:
    """The example with mean average precisions to reckon with: cnn 0.21, lstm 0.35, prior 0.11, tfidf 0.42."""
    made = example_comparison()
    for key, value in {"cnn": 0.21, "lstm": 0.35, "prior": 0.11, "tfidf": 0.42}.items():
        made["models"][key]["metrics"][MEAN_AP] = value
    set_gap(made, "lstm", "cnn", MEAN_AP, 0.14, 0.02)
    return made


def test_a_clear_lead_is_told_with_its_size_and_interval(comparison: dict[str, Any]) -> None:
    text = verdict(comparison)[0]
    assert text.startswith("Overview BiLSTM tells genres better than Poster CNN on these 961 films")
    assert "0.350 against 0.210, a lead of 0.140 (95 % interval 0.120 to 0.160)" in text
    assert headline(comparison).startswith("Overview BiLSTM beats Poster CNN")


def test_an_interval_with_zero_in_it_decides_nothing(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "cnn", MEAN_AP, 0.01, 0.02)
    text = verdict(comparison)[0]
    assert "cannot be told apart on these 961 films" in text
    assert "the 95 % interval, −0.010 to 0.030, contains 0" in text
    assert "better" not in text
    assert "too close to call" in headline(comparison)


def test_other_measures_may_disagree(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "cnn", "at_tuned_micro_f1", -0.05, 0.01)
    set_gap(comparison, "lstm", "cnn", "top3_recall", 0.0, 0.01)
    set_gap(comparison, "lstm", "cnn", "loss", -0.02, 0.01)  # a lower loss is better
    assert (
        "The loss favours Overview BiLSTM; tuned micro-F1 favours Poster CNN; top-3 recall leaves it open."
        in (verdict(comparison)[0])
    )


def test_losing_to_the_linear_baseline_is_told_plainly(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "tfidf", MEAN_AP, -0.07, 0.02)
    text = said(comparison, "Against the baselines")
    assert "TF-IDF + logistic regression, a baseline fitted in 12 s, reaches a mean average precision of 0.420" in text
    assert "Overview BiLSTM loses to it by 0.070 (95 % interval 0.050 to 0.090)" in text
    assert headline(comparison).endswith("and TF-IDF + logistic regression beats both")


def test_beating_the_linear_baseline_is_told(comparison: dict[str, Any]) -> None:
    set_gap(comparison, "lstm", "tfidf", MEAN_AP, 0.07, 0.02)
    assert "Overview BiLSTM beats it by 0.070" in said(comparison, "Against the baselines")
    assert "TF-IDF" not in headline(comparison)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (0.012, "Poster CNN hardly beats it, by 0.012 (95 % interval 0.002 to 0.022)"),
        (0.1, "Poster CNN beats it by 0.100"),
        (0.004, "Poster CNN (0.210) cannot be told apart from it (difference +0.004, 95 % interval −0.006 to 0.014)"),
        (-0.05, "Poster CNN loses to it by 0.050 (95 % interval 0.040 to 0.060)"),
    ],
)
def test_standing_against_the_blind_prior(comparison: dict[str, Any], difference: float, words: str) -> None:
    set_gap(comparison, "cnn", "prior", MEAN_AP, difference, 0.01)
    text = said(comparison, "Against the baselines")
    assert "which sees nothing of a film" in text
    assert words in text


def test_only_clear_genres_are_named_and_chance_is_reckoned(comparison: dict[str, Any]) -> None:
    set_genre_gaps(
        comparison,
        {"Animation": (0.2, 0.1), "War": (-0.3, 0.1), "Crime": (-0.2, 0.1), "Drama": (-0.1, 0.05), "News": (0.9, 0.1)},
    )
    text = said(comparison, "Genre by genre")
    assert "Overview BiLSTM is clearly better at War (+0.30), Crime (+0.20) and Drama (+0.10)." in text
    assert "Poster CNN is clearly better at Animation (+0.20)." in text
    assert "News" not in text  # one film
    # 19 genres have ten evaluated films or more; 19 x 0.05 = 0.95.
    assert "4 of the 19 genres" in text
    assert "about 1.0 would look clear by chance alone" in text
    assert "nothing should be made of it" not in text


def test_as_many_clear_genres_as_chance_gives_mean_nothing(comparison: dict[str, Any]) -> None:
    set_genre_gaps(comparison, {"Animation": (0.2, 0.1)})
    text = said(comparison, "Genre by genre")
    assert "Overview BiLSTM is clearly better at no genre." in text
    assert "so nothing should be made of it" in text


def set_answers(comparison: dict[str, Any], key: str, at: str, answers: dict[str, int]) -> None:
    """Sets how often a model names each genre."""
    for genre, entry in comparison["models"][key]["per_genre"].items():
        entry[at]["predicted"] = answers.get(genre, 0)


def test_genres_that_no_model_ever_names(comparison: dict[str, Any]) -> None:
    genres = [genre for genre, films in comparison["genre_counts"]["evaluated"].items() if films]
    set_answers(comparison, "cnn", "at_half", dict.fromkeys(["Drama", "Comedy"], 10))
    set_answers(comparison, "lstm", "at_half", dict.fromkeys([g for g in genres if g not in ("War", "News")], 10))
    text = said(comparison, "Blind spots")
    assert "Poster CNN never names 21 and Overview BiLSTM never names 2 of the 23 genres" in text
    # War has 18 films and News 1, of 2,330 labels in all.
    assert "Both miss War and News altogether, 0.8 % of all true labels." in text


def test_a_constant_answer_is_found_out(comparison: dict[str, Any]) -> None:
    # 900 of 1,000 answers are three genres that are 493 + 406 + 189 of 2,330 true labels.
    set_answers(comparison, "cnn", "at_half", {"Drama": 500, "Comedy": 300, "Romance": 100, "Action": 99, "War": 1})
    set_answers(comparison, "cnn", "at_tuned", dict(comparison["genre_counts"]["evaluated"]))
    text = said(comparison, "The same few answers")
    assert (
        "Poster CNN: at 0.5, 90 % of its answers are Drama, Comedy and Romance (47 % of the true labels), nearly "
        "always the same few answers; at its tuned thresholds, 47 % of its answers are Drama, Comedy and Action "
        "(47 % of the true labels), about as the films have them."
    ) in text


def test_a_model_that_names_nothing(comparison: dict[str, Any]) -> None:
    set_answers(comparison, "cnn", "at_half", {})
    assert "Poster CNN: at 0.5 it names no genre at all" in said(comparison, "The same few answers")


def test_one_trained_model() -> None:
    comparison = example_comparison(models=["cnn", "prior", "tfidf"])
    titles = [finding.title for finding in findings(comparison)]
    assert "Genre by genre" not in titles
    assert "no other trained model was evaluated" in verdict(comparison)[0]
    assert headline(comparison) == "Poster CNN loses to TF-IDF + logistic regression"


def test_baselines_only() -> None:
    comparison = example_comparison(models=["prior", "tfidf"])
    assert verdict(comparison) == ["No trained model was evaluated, only baselines."]
    assert headline(comparison) == "Baselines only: no trained model to compare"


def test_films_seen_in_training_are_told_first(comparison: dict[str, Any]) -> None:
    assert warnings(comparison) == []
    comparison["seen_in_training"] = 12
    assert warnings(comparison)[0].startswith("12 of the 961 films evaluated here were also in the training split.")
    assert "Beware: 12 of these films were trained on" in verdict(comparison)[0]


def test_films_that_settings_were_chosen_by_are_told(comparison: dict[str, Any]) -> None:
    comparison["seen_in_validation"] = 1
    assert warnings(comparison)[0].startswith("1 of the 961 films evaluated here was also in the validation split, by")


def test_few_films_are_told(comparison: dict[str, Any]) -> None:
    comparison["films"]["evaluated"] = 40
    assert warnings(comparison)[0].startswith("Only 40 films were evaluated.")


def test_films_set_aside_are_counted(comparison: dict[str, Any]) -> None:
    comparison["films"]["rejected"] = 3
    comparison["evaluated_rejects"] = {"poster missing": 2, "overview empty": 1}
    text = evaluated_films(comparison)
    assert "3,370 films to train on, 480 to validate and 961 to test; 3 rejected" in text
    assert "rejected: 2 (poster missing) and 1 (overview empty)" in text


@pytest.fixture
def joined() -> dict[str, Any]:
    """All models, with mean average precisions to reckon with."""
    made = example_comparison(models=ALL)
    told = {"cnn": 0.21, "lstm": 0.35, "fusion": 0.4, "ensemble": 0.45, "prior": 0.11, "tfidf": 0.42}
    for key, value in told.items():
        made["models"][key]["metrics"][MEAN_AP] = value
    for a, b in combinations(told, 2):
        set_gap(made, a, b, MEAN_AP, told[a] - told[b], 0.02)
    return made


def test_the_question_stays_which_input_tells_more(joined: dict[str, Any]) -> None:
    assert verdict(joined)[0].startswith("Overview BiLSTM tells genres better than Poster CNN on these 961 films")
    assert headline(joined) == (
        "Overview BiLSTM beats Poster CNN, and TF-IDF + logistic regression beats both; Ensemble beats them all"
    )
    assert said(joined, "Genre by genre").startswith("Overview BiLSTM is clearly better at")


def test_what_joint_models_add_is_told_of_each(joined: dict[str, Any]) -> None:
    text = said(joined, "What Ensemble adds")
    assert text.startswith(
        "Ensemble improves on Overview BiLSTM, the best trained model of one input: mean average precision 0.450, "
        "difference +0.100 (95 % interval 0.080 to 0.120). Ensemble improves on TF-IDF + logistic regression, the best "
        "model of one input at all: mean average precision 0.450, difference +0.030 (95 % interval 0.010 to 0.050)."
    )
    assert "Ensemble improves on Poster + overview fusion, the next best model of both inputs" in text
    assert "difference +0.050" in said(joined, "What Poster + overview fusion adds")
    assert "Ensemble beats it by 0.030" in said(joined, "Against the baselines")


def test_genres_where_a_joint_model_is_better_or_worse(joined: dict[str, Any]) -> None:
    for pair in joined["differences"]:
        if {pair["a"], pair["b"]} == {"tfidf", "ensemble"}:
            assert pair["a"] == "ensemble"
            pair["per_genre"] = {key: {"difference": 0.0, "interval": [-0.1, 0.1]} for key in pair["per_genre"]} | {
                "Drama": {"difference": 0.1, "interval": [0.05, 0.15]},
                "War": {"difference": -0.2, "interval": [-0.3, -0.1]},
            }
    text = said(joined, "What Ensemble adds")
    assert "It is clearly better than TF-IDF + logistic regression at Drama (+0.10, 0.05 to 0.15)," in text
    assert ", and clearly worse at War (−0.20, −0.30 to −0.10)." in text
    assert "That is 2 of the 19 genres with at least 10 evaluated films; about 1.0 would look clear by chance" in text


def test_an_ensemble_no_better_than_its_models_is_told(joined: dict[str, Any]) -> None:
    set_gap(joined, "ensemble", "tfidf", MEAN_AP, 0.01, 0.02)
    assert "Ensemble cannot be told apart from TF-IDF" in said(joined, "What Ensemble adds")
    assert "Ensemble" not in headline(joined)


def test_how_the_ensemble_was_made(joined: dict[str, Any]) -> None:
    text = said(joined, "How the ensemble was made")
    assert "Ensemble stacks the logits of Poster CNN (0.12), Overview BiLSTM (0.20)" in text
    assert (
        "10-fold cross-validation within the 480 validation films chose it: loss 0.1911 out of fold, against 0.1987 of "
        "the plain weighted average and 0.2043 without TF-IDF + logistic regression."
    ) in text
    assert "The same films had chosen each model's checkpoint" in text


def test_a_single_joint_model() -> None:
    comparison = example_comparison(models=["fusion", "prior"])
    assert "no other trained model was evaluated" in verdict(comparison)[0]
    assert headline(comparison) == "Poster + overview fusion beats Genre frequency"
    assert not [finding for finding in findings(comparison) if finding.title.startswith("What")]


def test_calibration_in_words(joined: dict[str, Any]) -> None:
    for key, error in {"cnn": 0.02, "lstm": 0.01, "fusion": 0.03, "ensemble": 0.005, "prior": 0.04}.items():
        joined["models"][key]["calibration"] |= {"expected_calibration_error": error, "bins": []}
    joined["models"]["tfidf"]["calibration"] |= {
        "expected_calibration_error": 0.015, "bins": [{"score": 0.5, "share": 0.7, "pairs": 100}],
    }  # fmt: skip
    text = reliability(joined)
    assert "0.005 (Ensemble), 0.010 (Overview BiLSTM), 0.015 (TF-IDF + logistic regression), 0.020 (Poster CNN)" in text
    assert "about 0.005 would be seen by chance" in text
    assert text.endswith(
        "TF-IDF + logistic regression puts its surest answers too low (0.50 on average, where 0.70 come true)."
    )
    assert unscaled(joined) == ""
    joined["models"]["lstm"]["scaling"] = {"Drama": [1.1, 0.2]}
    assert unscaled(joined).startswith(" Here probabilities are as the trained models gave them")
    assert "The probabilities of Overview BiLSTM were brought in line on the validation films" in reliability(joined)
