"""Template context of `sweep_part.html`: findings, plots and tables of a sweep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from genre_models.report.style.colours import css
from genre_models.report.style.finding import Finding
from genre_models.report.style.formats import listed
from genre_models.report.sweep.findings import failure_groups, findings, headline
from genre_models.report.sweep.plots import curves_plot, importance_plot, saved_plot
from genre_models.report.sweep.query import label, require_analysis
from genre_models.report.sweep.settings_plot import settings_plot
from genre_models.report.sweep.tables import (
    SettingRow,
    TrialRow,
    gain_rows,
    setting_rows,
    trial_columns,
    trial_rows,
)

# File name of each plot, with its function and its caption.
PICTURES: dict[str, tuple[Callable[[Mapping[str, Any], str], str], str]] = {
    "curves": (curves_plot, "Every trial over the epochs, the start and the best marked at their best epoch"),
    "saved": (saved_plot, "Epochs that were run, against every trial in full"),
    "settings": (settings_plot, "Each setting, a dot a trial at its best epoch; bars are medians"),
    "importance": (importance_plot, "What a random forest reads off each setting, with the spread over shuffles"),
}


@dataclass(frozen=True)
class Section:
    """Template context of one sweep."""

    label: str
    css: str
    headline: str
    findings: list[Finding]
    plots: list[tuple[str, Markup]]
    settings: list[SettingRow]
    gains: list[tuple[str, str, str, str, str]]
    columns: list[str]
    trials: list[TrialRow]
    all_trials: int
    failures: list[tuple[str, str]]


def section(sweep: Mapping[str, Any], prefix: str, *, most: int | None = None) -> Section:
    """Return the template context of a sweep; `prefix` makes its SVG ids unique, `most` limits its table of trials."""
    require_analysis(sweep)
    drawn = [(title, draw(sweep, f"{prefix}-{name}")) for name, (draw, title) in PICTURES.items()]
    return Section(
        label=label(sweep),
        css=css(sweep),
        headline=headline(sweep),
        findings=findings(sweep),
        plots=[(title, Markup(svg)) for title, svg in drawn if svg],
        settings=setting_rows(sweep),
        gains=gain_rows(sweep),
        columns=trial_columns(sweep),
        trials=trial_rows(sweep, most),
        all_trials=len(sweep["trials"]),
        failures=[
            (reason, listed([str(number) for number in numbers], most=20)) for reason, numbers in failure_groups(sweep)
        ],
    )


def sections(comparison: Mapping[str, Any], *, most: int) -> list[Section]:
    """Return the template context of each sweep of the comparison, in order."""
    sweeps = comparison.get("sweeps") or []
    return [section(sweep, f"sweep-{place}", most=most) for place, sweep in enumerate(sweeps, start=1)]
