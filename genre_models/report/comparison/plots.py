"""Charts of models, training curves and genres, narrow enough for a phone."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from genre_models.report.charts.chart import Chart
from genre_models.report.charts.scale import round_ticks
from genre_models.report.findings.answer import by_guesses, found_of_100
from genre_models.report.findings.comparison_query import (
    FEWEST_FILMS,
    evaluated_with,
    genre_entry,
    genre_gap,
    genres_by_films,
    interval,
    label,
    metric_value,
)
from genre_models.report.style.colours import INK, MUTED, PAPER, Style, styles
from genre_models.report.style.formats import count, cut, number, show, signed, span

WIDTH = 340
ROW = 24
GENRE_MARGIN = 132
PROBABILITIES = (0.0, 0.1, 0.25, 0.5, 1.0)


def answer_plot(comparison: Mapping[str, Any]) -> Markup:
    """Draw the genres of 100 that each model finds with three guesses, with intervals."""
    order, look = by_guesses(comparison), styles(comparison)
    if not order:
        return Markup("")
    chart = Chart(380, 8 + 24 * len(order), left=188, right=32, top=2, bottom=6)
    shares = {key: found_of_100(comparison, key) for key in order}
    chart.across(0, max([*(value for value, _ in shares.values()), *(both[1] for _, both in shares.values() if both)]))
    chart.rows(len(order))
    for row, (key, (value, both)) in enumerate(shares.items()):
        style, y = look[key], chart.y(row)
        chart.text(0, y + 4.5, style.glyph, colour=style.colour, size=13.5, model=key)
        chart.text(17, y + 4.5, cut(label(comparison, key), 26), colour=INK, size=12.8, model=key)
        says = f"{label(comparison, key)}: {show(value, 0)} of 100" + (f", between {span(both, 0)}" if both else "")
        chart.block((chart.left, chart.x(value)), (y - 8, y + 8), style.colour, says, model=key)
        if both is not None:
            chart.rule(chart.x(both[0]), y, chart.x(both[1]), y, PAPER, 3.4, model=key)
            chart.rule(chart.x(both[0]), y, chart.x(both[1]), y, INK, 1.6, model=key)
        chart.text(chart.width, y + 5, show(value, 0), colour=INK, anchor="end", size=14.5, bold=True, model=key)
    return chart.svg(
        "Genres found of 100, with three guesses a film; the thin line is where it would be with other films"
    )


def models_plot(comparison: Mapping[str, Any], name: str, title: str) -> Markup:
    """Draw one metric of every model as a dot with its interval."""
    models, look = comparison["models"], styles(comparison)
    chart = Chart(WIDTH, 34 + 46 * len(models), left=14, right=48, top=4, bottom=28)
    values = [metric_value(model, name) or 0.0 for model in models.values()]
    highs = [both[1] for model in models.values() if (both := interval(model, name))]
    chart.across(0, max([*values, *highs, 0.01]) * 1.02)
    chart.rows(len(models))
    chart.x_axis(chart.x.ticks(5))
    for row, (key, model) in enumerate(models.items()):
        style, value, both = look[key], metric_value(model, name), interval(model, name)
        at = chart.y(row)
        chart.rule(chart.left, at + 6, chart.right, at + 6)
        chart.text(chart.left, at - 7, label(comparison, key), colour=INK, size=13, model=key)
        if value is None:
            continue
        chart.whisker(both, row + 0.15, style.colour, width=4, opacity=0.45, model=key)
        says = f"{label(comparison, key)}: {show(value)}" + (f" ({span(both)})" if both else "")
        chart.dot(value, row + 0.15, style, says, model=key)
        chart.text(chart.right + 6, at + 10, show(value), colour=INK, size=13.5, model=key)
    return chart.svg(title)


def genres_plot(comparison: Mapping[str, Any]) -> Markup:
    """Draw every model's average precision by genre, most films first."""
    genres, look = genres_by_films(comparison), styles(comparison)
    chart = _genre_chart(comparison, genres)
    chart.across(0, 1)
    chart.x_axis([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    for row, genre in enumerate(genres):
        precisions = {
            key: value
            for key, model in comparison["models"].items()
            if (value := number(genre_entry(model, genre).get("average_precision"))) is not None
        }
        coloured = [value for key, value in precisions.items() if not look[key].baseline]
        if len(coloured) > 1:
            y = chart.y(row)
            chart.rule(chart.x(min(coloured)), y, chart.x(max(coloured)), y, MUTED)
        for key, value in sorted(precisions.items(), key=lambda pair: not look[pair[0]].baseline):
            says = f"{genre}, {label(comparison, key)}: {show(value)}"
            chart.dot(value, row, look[key], says, size=4.2, opacity=_strength(comparison, genre), model=key)
    return chart.svg("Average precision of each model at each genre")


def difference_plot(comparison: Mapping[str, Any], a: str, b: str) -> Markup:
    """Draw the lead of one model over another by genre, with intervals. Clear leads are filled."""
    genres, look = genres_by_films(comparison), styles(comparison)
    chart = _genre_chart(comparison, genres)
    gaps = {genre: paired for genre in genres if (paired := genre_gap(comparison, a, b, genre)) is not None}
    # The very wide interval of a genre with few films ends in an arrow at the edge and does not set the scale.
    scale = [gaps[genre] for genre in gaps if evaluated_with(comparison, genre) >= FEWEST_FILMS] or [*gaps.values()]
    reach = [abs(end) for paired in scale for end in (paired.interval or (paired.difference,))]
    limit = max([*reach, 0.05]) * 1.04
    chart.across(-limit, limit)
    chart.x_axis(round_ticks(-limit, limit, 4), plus=True)
    chart.rule(chart.x(0), chart.top, chart.x(0), chart.bottom, INK)
    for row, genre in enumerate(genres):
        if genre not in gaps:
            continue
        paired = gaps[genre]
        winner = a if paired.difference > 0 else b
        style = Style(look[winner].colour, "o", False)
        strength = _strength(comparison, genre)
        chart.whisker(paired.interval, row, style.colour, width=2.5, opacity=strength * (0.8 if paired.clear else 0.45))
        says = f"{genre}: {signed(paired.difference)}" + (f" ({span(paired.interval)})" if paired.interval else "")
        chart.dot(paired.difference, row, style, says, size=4.2, hollow=not paired.clear, opacity=strength)
    return chart.svg(f"Average precision of {label(comparison, a)} minus that of {label(comparison, b)} at each genre")


def curve_plot(history: Sequence[Mapping[str, Any]], measure: str, style: Style, best_epoch: int | None) -> Markup:
    """Draw one metric by epoch. Training is a dashed grey line, validation has the model's colour."""
    chart = Chart(250, 190, left=44, right=10, top=10, bottom=26)
    epochs = [int(row.get("epoch") or place) for place, row in enumerate(history, start=1)]
    lines = {
        "training": [number(row.get(measure)) for row in history],
        "validation": [number(row.get(f"validation_{measure}")) for row in history],
    }
    known = [value for values in lines.values() for value in values if value is not None]
    room = (max(known) - min(known)) * 0.08 or 0.01
    chart.across(min(epochs) - 0.5, max(epochs) + 0.5)
    chart.upwards(min(known) - room, max(known) + room)
    chart.y_axis(chart.y.ticks(4))
    chart.x_axis(chart.x.ticks(4, whole=True), grid=False)
    for which, values in lines.items():
        grey = which == "training"
        colour, points = MUTED if grey else style.colour, [*zip(epochs, values, strict=True)]
        chart.line(points, colour, width=1.7 if grey else 2.4, dashes="4 2.5" if grey else "")
        for epoch, value in points:
            if value is not None:
                says = f"epoch {epoch}, {which}: {show(value)}"
                chart.dot(epoch, value, Style(colour, "o", False), says, size=1.6 if len(epochs) > 3 else 4)
    if best_epoch is not None:
        chart.rule(chart.x(best_epoch), chart.top, chart.x(best_epoch), chart.bottom, INK, 0.7)
    return chart.svg(f"{measure.replace('_', ' ').capitalize()} over {len(epochs)} epochs, training and validation")


def reliability_plot(comparison: Mapping[str, Any], key: str, style: Style) -> Markup:
    """Draw observed frequency over mean probability. Bins hold equally many pairs; axes are square-root."""
    chart = Chart(250, 215, left=34, right=12, top=10, bottom=42)
    chart.across(0, 1, "root")
    chart.upwards(0, 1, "root")
    named = [f"{tick:g}".replace("0.", ".") for tick in PROBABILITIES]
    chart.y_axis(PROBABILITIES, named)
    chart.x_axis(PROBABILITIES, named, title="probability")
    chart.line([(0.0, 0.0), (1.0, 1.0)], MUTED, width=1.4, dashes="5 3")
    bins = comparison["models"][key]["calibration"].get("bins") or []
    points = [(number(entry.get("score")), number(entry.get("share")), entry.get("pairs")) for entry in bins]
    known = [(score, share, pairs) for score, share, pairs in points if score is not None and share is not None]
    chart.line([(score, share) for score, share, _ in known], style.colour, width=1.8)
    for score, share, pairs in known:
        says = f"said {show(score)}, true in {show(share)} of {count(pairs)}"
        chart.dot(score, share, Style(style.colour, "o", False), says, size=2.6)
    return chart.svg(f"{label(comparison, key)}: how often its probabilities come true")


def has_curve(history: Sequence[Mapping[str, Any]], measure: str) -> bool:
    """Return whether any epoch has the metric, for training or validation."""
    return any(number(row.get(column)) is not None for row in history for column in (measure, f"validation_{measure}"))


def _genre_chart(comparison: Mapping[str, Any], genres: list[str]) -> Chart:
    """Return a chart with a row for each genre. All genre charts have the same height, so rows line up."""
    chart = Chart(WIDTH, 50 + ROW * max(1, len(genres)), left=GENRE_MARGIN, right=12, top=22, bottom=26)
    chart.rows(len(genres))
    for row, genre in enumerate(genres):
        y = chart.y(row)
        chart.rule(chart.left, y, chart.right, y)
        chart.text(chart.left - 38, y + 4, genre, colour=INK, anchor="end")
        chart.text(chart.left - 8, y + 4, str(evaluated_with(comparison, genre)), anchor="end")
    chart.text(chart.left - 8, 13, "films", anchor="end")
    return chart


def _strength(comparison: Mapping[str, Any], genre: str) -> float:
    """Return the opacity of a genre, lower if it has too few films."""
    return 1.0 if evaluated_with(comparison, genre) >= FEWEST_FILMS else 0.45
