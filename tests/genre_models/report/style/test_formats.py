"""How figures read."""

from __future__ import annotations

import pytest

from genre_models.report.style.formats import duration, listed, narrow, percent, show, signed, some_percent, span
from genre_models.report.style.render import with_terms


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3494, "0.349"), (-0.02, "−0.020"), (-0.0001, "0.000"), (None, "–"), (float("nan"), "–"), (float("inf"), "–")],
)
def test_a_figure_has_three_digits(value: float | None, text: str) -> None:
    assert show(value) == text


def test_signs_shares_and_intervals() -> None:
    assert [signed(value) for value in (0.142, -0.02, 0.0)] == ["+0.142", "−0.020", "0.000"]
    assert percent(0.417) == "42 %"
    assert narrow([0.231, 10.5]) == ".231–10.500"
    assert narrow([0.231, None]) == ""


def test_the_end_of_an_interval_that_is_not_0_never_reads_0() -> None:
    assert span([-0.18, -0.0004], 2) == "−0.18 to −0.0004"
    assert narrow([0.00021, 0.5]) == ".0002–.500"
    assert span([0.0, 0.1], 2) == "0.00 to 0.10"


def test_a_share_that_is_not_0_never_reads_0() -> None:
    assert some_percent(0.0004, 1) == "under 0.1 %" and some_percent(0.004) == "under 1 %"
    assert some_percent(0.0, 1) == "0.0 %" and some_percent(0.0123, 1) == "1.2 %"


def test_durations_read_like_a_clock() -> None:
    assert [duration(s) for s in (0.0, 3.2, 12.1, 119, 611, 3900)] == [
        "under 0.1 s", "3.2 s", "12 s", "119 s", "10 min", "1 h 05 min",
    ]  # fmt: skip


def test_lists_end_with_and() -> None:
    assert [listed(list(text)) for text in ("", "A", "AB", "ABC")] == ["", "A", "A and B", "A, B and C"]
    assert listed(list("ABCDE"), most=2) == "A, B and 3 more"


def test_a_term_opens_its_meaning_where_it_first_stands() -> None:
    html = with_terms("Poster CNN <b> of 5 % beats CNNs; Poster CNN", ["Poster CNN", "CNN", ""])
    button = '<button type="button" class="term" popovertarget="term-poster-cnn">Poster CNN</button>'
    assert html == f"{button} &lt;b&gt; of 5\u00a0% beats CNNs; Poster CNN"
    assert with_terms("a < b", []) == "a &lt; b"
