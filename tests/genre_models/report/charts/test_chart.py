"""Charts: round ticks with exact labels, marks that stay in sight, values as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from genre_models.report.charts.chart import Chart, standalone
from genre_models.report.charts.scale import Scale, round_ticks, tick_labels
from genre_models.report.style.colours import BLUE, VARIABLES, Style

DOT = Style(BLUE, "o", False)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (-0.5, 0.5, 4, [-0.5, -0.25, 0.0, 0.25, 0.5]),
        (0.0, 0.83, 5, [0.0, 0.2, 0.4, 0.6, 0.8]),
        (0.213, 0.251, 4, [0.22, 0.23, 0.24, 0.25]),
        (0.5, 24.5, 6, [5.0, 10.0, 15.0, 20.0]),
        (2.0, 2.0, 4, [2.0]),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert round_ticks(low, high, most) == pytest.approx(ticks)


def test_whole_ticks_have_no_fractions() -> None:
    assert round_ticks(0.5, 3.5, 6, whole=True) == [1, 2, 3]


def test_labels_of_ticks_are_exact() -> None:
    assert tick_labels([-0.25, 0.0, 0.25], plus=True) == ["−0.25", "0.00", "+0.25"]
    assert tick_labels([0.0, 0.5, 1.0]) == ["0.0", "0.5", "1.0"]
    assert tick_labels([-0.0125, 0.0125], plus=True) == ["−0.0125", "+0.0125"]
    assert tick_labels([10, 20]) == ["10", "20"]


def test_a_logarithmic_scale_is_even_in_factors() -> None:
    scale = Scale(0.001, 0.1, 0, 100, "log")
    assert [scale(value) for value in (0.001, 0.01, 0.1)] == pytest.approx([0, 50, 100])
    assert scale.ticks(4) == pytest.approx([0.001, 0.01, 0.1])


def test_a_mark_outside_the_axis_is_an_arrow_at_its_edge() -> None:
    chart = Chart(120, 60, left=10, right=10, top=10, bottom=10)
    chart.across(-1, 1)
    chart.rows(1)
    chart.dot(0.5, 0, DOT, "inside")
    chart.whisker((0.0, 1.0), 0, BLUE)
    assert "edge" not in chart.svg("one")
    chart.dot(3.0, 0, DOT, "far off: +3")
    chart.whisker((-9.0, 0.5), 0, BLUE)
    drawn = chart.svg("two")
    right, left = re.findall(r'class="edge" points="([\d.]+)', drawn)
    assert float(right) >= 110 and float(left) <= 10
    assert "far off: +3" in drawn


def test_the_text_alternative_has_the_values() -> None:
    chart = Chart(100, 100)
    chart.dot(0.2, 0.4, DOT, "Drama <b>: 0.200")
    svg = ElementTree.fromstring(chart.svg("Two & a half"))
    assert svg.attrib["aria-label"] == "Two & a half. Drama <b>: 0.200"
    assert svg.attrib["role"] == "img"
    for place in range(70):
        chart.dot(place / 70, 0.4, DOT, f"value {place}")
    assert ElementTree.fromstring(chart.svg("Many")).attrib["aria-label"].endswith("value 58; and 11 more")


def test_a_gap_in_a_line_stays_a_gap() -> None:
    chart = Chart(100, 100)
    chart.line([(0.0, 0.0), (0.1, 0.5), (0.2, None), (0.3, 0.5), (0.4, 1.0)], BLUE)
    assert re.findall(r'd="([^"]+)"', chart.svg("gap")) == ["M0 100L10 50M30 50L40 0"]


def test_a_file_of_its_own_has_size_and_background() -> None:
    root = ElementTree.fromstring(standalone(Chart(100, 50).svg("nothing")))
    assert float(root.attrib["width"]) == 130 and float(root.attrib["height"]) == 65


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast of two colours."""

    def light(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_names_in_the_colour_of_a_model_can_be_read() -> None:
    """A contrast of 4.5 to 1 on the page's paper, as WCAG 2.2 AA asks of text."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    drawn = {colour: name for colour, name in VARIABLES.items() if name not in ("grid", "card")}
    assert {
        name: contrast(colour, "#faf8f4") for colour, name in drawn.items() if contrast(colour, "#faf8f4") < 4.5
    } == {}
