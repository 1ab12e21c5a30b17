"""The comparison as GitHub Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any

from genre_models.report.ablation import findings as ablation_findings
from genre_models.report.ablation.query import has_findings
from genre_models.report.ablation.section import ablation_parts
from genre_models.report.comparison.film_cards import Answer, Card, groups
from genre_models.report.comparison.metric_columns import COLUMNS, caveats, definitions
from genre_models.report.comparison.tables import figure_rows, genre_columns, genre_rows, model_facts
from genre_models.report.findings import reference_runs
from genre_models.report.findings.comparison_query import label, trained
from genre_models.report.findings.reliability import error_rows, reliability, unscaled
from genre_models.report.findings.seed_runs import HEAD, several_runs
from genre_models.report.findings.verdict import evaluated_films, findings, headline, overfitting_of, warnings
from genre_models.report.style.finding import Cell
from genre_models.report.style.formats import films, percent, sentence
from genre_models.report.style.markdown_text import escape, table
from genre_models.report.sweep import findings as sweep_findings
from genre_models.report.sweep.markdown import settings_table


def markdown(comparison: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown."""
    parts = [
        f"# {escape(headline(comparison))}",
        *(f"> **Warning:** {escape(text)}" for text in warnings(comparison)),
        *(f"**{finding.title}.** {escape(finding.text)}" for finding in findings(comparison)),
        escape(evaluated_films(comparison)),
        "## The models",
        _models(comparison),
        "## Figures",
        _figures(comparison),
        "Best of each column in bold; intervals in parentheses.",
        *_several_runs(comparison),
        *_beside(comparison),
        *_reliability(comparison),
        "## Training",
        *(escape(overfitting_of(comparison, key)["sentence"]) for key in trained(comparison)),
        *_sweeps(comparison),
        *_ablations(comparison),
        "## Genre by genre",
        _genres(comparison),
        "Precision, recall and F1 at the tuned thresholds unless it says 0.5.",
        *_showcase(comparison),
        "## How it was made",
        _made(comparison),
        "## What the words mean",
        _list(f"**{column.group}: {column.label}**: {column.meaning}" for column in COLUMNS),
        _list(f"**{word}**: {meaning}" for word, meaning in definitions(comparison)),
        "## Caveats",
        _list(caveats(comparison)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _models(comparison: Mapping[str, Any]) -> str:
    lines = []
    for key, model in comparison["models"].items():
        facts = ", ".join(f"{name} {text}" for name, text in model_facts(comparison, key))
        lines.append(f"**{escape(label(comparison, key))}**: {escape(sentence(model.get('what')))} ({escape(facts)})")
    return _list(lines)


def _figures(comparison: Mapping[str, Any]) -> str:
    head = ["model", *(f"{column.label}{_at(column.group)}" for column in COLUMNS)]
    return table(head, ([escape(label(comparison, key)), *map(_cell, cells)] for key, cells in figure_rows(comparison)))


def _several_runs(comparison: Mapping[str, Any]) -> list[str]:
    models = several_runs(comparison)
    parts = ["## Several runs of one model"] if models else []
    return parts + [table(HEAD, ([escape(text) for text in row] for row in rows)) for _, rows in models]


def _beside(comparison: Mapping[str, Any]) -> list[str]:
    rows = reference_runs.rows(comparison)
    if not rows:
        return []
    body = table(reference_runs.HEAD, ([escape(text) for text in row] for row in rows))
    return [
        "## The same models with other settings",
        escape(reference_runs.finding(comparison) + unscaled(comparison)),
        body,
    ]


def _reliability(comparison: Mapping[str, Any]) -> list[str]:
    rows = error_rows(comparison)
    if not rows:
        return []
    head = ["model", "calibration error", "by chance", "mean over genres", "by chance", "genres"]
    body = table(head, ([escape(text) for text in row] for row in rows))
    return ["## How far the probabilities can be believed", escape(reliability(comparison)), body]


def _at(group: str) -> str:
    return "" if group == "without threshold" else f" {group}"


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.interval})" if cell.interval else text


def _genres(comparison: Mapping[str, Any]) -> str:
    columns = genre_columns(comparison)
    head = ["genre"]
    head += [f"{escape(label(comparison, c.model))} {c.label}" if c.model else c.label for c in columns]
    return table(head, ([escape(genre), *map(_cell, cells)] for genre, cells in genre_rows(comparison)))


def _sweeps(comparison: Mapping[str, Any]) -> list[str]:
    parts = ["## How these models were found"] if comparison.get("sweeps") else []
    for sweep in comparison.get("sweeps") or []:
        parts.append(f"### {escape(sweep_findings.headline(sweep))}")
        parts += [f"**{finding.title}.** {escape(finding.text)}" for finding in sweep_findings.findings(sweep)]
        parts.append(settings_table(sweep))
    return parts


def _ablations(comparison: Mapping[str, Any]) -> list[str]:
    ablations = [ablation for ablation in comparison.get("ablations") or [] if has_findings(ablation)]
    parts = ["## The effect of each component"] if ablations else []
    for ablation in ablations:
        parts += [f"### {escape(ablation_findings.headline(ablation))}", *ablation_parts(ablation)]
    return parts


def _showcase(comparison: Mapping[str, Any]) -> list[str]:
    parts = ["## Some films"] if comparison.get("example_films") else []
    for group in groups(comparison):
        parts += [f"### {escape(group.title)}", escape(group.sentence)]
        parts += [_film(comparison, card) for card in group.cards]
    return parts


def _film(comparison: Mapping[str, Any], card: Card) -> str:
    lines = [f"**{escape(card.film)}** ({escape(', '.join(card.genres))}): {escape(card.overview)}", ""]
    lines += [f"- {_answer(comparison, answer)}" for answer in [*card.main, *card.others]]
    return "\n".join(lines)


def _answer(comparison: Mapping[str, Any], answer: Answer) -> str:
    guesses = ", ".join(
        f"{'✓' if guess.hit else '✗'} {escape(guess.genre)} {percent(guess.probability)}" for guess in answer.guesses
    )
    return f"{escape(label(comparison, answer.key))}: {guesses}"


def _made(comparison: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in (comparison.get("versions") or {}).items())
    lines = [
        f"Made {escape(comparison.get('created') or '')} by {escape(comparison.get('command') or '')}",
        f"Versions: {escape(versions)}",
        f"Films from {escape(comparison.get('source') or '')}; store "
        f"{escape(comparison.get('store') or '')}; evaluated on {escape(comparison.get('evaluated_on') or '')} "
        f"({films(int(comparison['films']['evaluated']))})",
    ]
    for key, model in comparison["models"].items():
        if model.get("checkpoint"):
            lines.append(f"Checkpoint of {escape(label(comparison, key))}: {escape(model['checkpoint'])}")
    return _list(lines)
