"""The first lines of the page, in words without a term of art."""

from __future__ import annotations

import re
from typing import Any

import pytest

from genre_models.report.findings.answer import answer, winner
from tests.genre_models.report.example import ALL, example_comparison

TERMS = re.compile(r"precision|recall|interval|F1|AP\b|metric|confiden|signific|bootstrap|baseline", re.I)


def with_guesses(shares: dict[str, float], half: float = 0.03) -> dict[str, Any]:
    """A comparison with these shares of genres found by three guesses, all leads `half` to either side."""
    comparison = example_comparison(models=[*shares])
    for key, share in shares.items():
        comparison["models"][key]["metrics"]["top3_recall"] = share
        comparison["models"][key]["intervals"]["top3_recall"] = [share - half, share + half]
    for pair in comparison["differences"]:
        lead = shares[pair["a"]] - shares[pair["b"]]
        pair["metrics"]["top3_recall"] = {"difference": lead, "interval": [lead - half, lead + half]}
    return comparison


def test_the_best_model_is_named_with_what_it_finds() -> None:
    said = answer(with_guesses({"cnn": 0.60, "lstm": 0.77, "prior": 0.49}))
    assert said.title == (
        "Allowed three guesses a film, the best model, Overview BiLSTM, finds 77 of 100 genres; naming the three "
        "commonest finds 49"
    )
    assert said.sure == (
        "The lead of 28 is sure: with other films like these it would be 25 to 31, 19 times in 20. "
        "Overview BiLSTM is surely ahead of every other model."
    )


def test_a_model_that_may_be_as_good_is_named() -> None:
    assert answer(with_guesses({"cnn": 0.75, "lstm": 0.77, "prior": 0.49})).sure.endswith(
        "Poster CNN may be as good as Overview BiLSTM."
    )


def test_without_a_clear_winner_the_title_says_so() -> None:
    comparison = with_guesses({"cnn": 0.50, "lstm": 0.51, "prior": 0.49})
    for pair in comparison["differences"]:
        pair["metrics"]["mean_average_precision"]["interval"] = [-0.1, 0.2]
    said = answer(comparison)
    assert said.title == (
        "No trained model is surely better than naming the three commonest genres: Overview BiLSTM finds 51 of 100 "
        "genres in three guesses, naming the three commonest finds 49"
    )
    assert said.sure == (
        "A lead of 2 is not sure: with other films like these it could be anything from −1 to 5, 19 times in 20."
    )


def test_no_lead_is_called_so() -> None:
    comparison = with_guesses({"cnn": 0.49, "lstm": 0.492, "prior": 0.494})
    for pair in comparison["differences"]:
        pair["metrics"]["mean_average_precision"]["interval"] = [-0.1, 0.2]
    assert answer(comparison).sure.startswith("That is no lead: with other films like these it could be anything from")


def test_a_better_order_without_better_guesses_is_said() -> None:
    comparison = with_guesses({"cnn": 0.50, "lstm": 0.51, "prior": 0.49})
    assert answer(comparison).sure.startswith(
        "Asked which films have a genre, Overview BiLSTM and Poster CNN do better than chance."
    )


@pytest.mark.parametrize("models", [ALL, ["cnn"], ["prior", "tfidf"], ["lstm", "prior"]])
def test_no_term_of_art_stands_in_it(models: list[str]) -> None:
    said = answer(example_comparison(models=models))
    assert said.title and not TERMS.search(said.title + said.sure)


def test_a_genre_with_few_films_has_no_sure_winner() -> None:
    comparison = example_comparison(models=["cnn", "lstm"])
    best = winner(comparison, "News", fewest=10)
    assert best is not None and best.few and best.sure == "too few films"
    assert winner(comparison, "Reality-TV", fewest=10) is None
