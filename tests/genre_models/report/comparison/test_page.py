"""The three files of a report: complete, self-contained, safe with hostile texts, and without a NaN."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from genre_models.report.comparison.page import write_report
from genre_models.report.style.colours import BLUE, GREEN, PURPLE, VERMILLION, styles
from tests.genre_models.report.example import ALL, example_comparison
from tests.genre_models.report.example_films import comparison_with_films
from tests.genre_models.report.html_page import Page

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7 * 7 }} | a | **b**'


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(example_comparison(), tmp_path_factory.mktemp("report") / "new" / "folder").parent


@pytest.fixture(scope="module")
def html(written: Path) -> str:
    return (written / "comparison.html").read_text("utf-8")


def rewritten(comparison: dict[str, Any], folder: Path) -> tuple[Page, str, str]:
    """The page, the Markdown and the JSON of a comparison."""
    write_report(comparison, folder)
    html, markdown, text = ((folder / f"comparison.{end}").read_text("utf-8") for end in ("html", "md", "json"))
    return Page(html), markdown, text


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_json_keeps_every_number(written: Path) -> None:
    read = json.loads((written / "comparison.json").read_text("utf-8"), parse_constant=refuse)
    given = example_comparison()
    for film in given["example_films"]:
        del film["poster_jpeg"]
    assert read.pop("verdict")[0].startswith("Allowed three guesses a film, Overview BiLSTM")
    assert read["models"]["cnn"].pop("overfitting")["kind"] == "level"
    assert read["models"]["lstm"].pop("overfitting")["kind"] == "overfits"
    assert read == given


def test_json_has_null_for_what_is_no_number(tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["models"]["cnn"]["metrics"]["loss"] = float("nan")
    comparison["models"]["cnn"]["history"][-1]["validation_loss"] = float("inf")
    comparison["models"]["lstm"]["intervals"]["loss"] = [float("nan"), 0.3]
    page, markdown, text = rewritten(comparison, tmp_path)
    read = json.loads(text, parse_constant=refuse)
    assert read["models"]["cnn"]["metrics"]["loss"] is None
    assert read["models"]["cnn"]["history"][-1]["validation_loss"] is None
    assert not re.search(r"\bnan\b", page.text + markdown, re.I)


def test_the_comparison_given_is_left_alone(tmp_path: Path) -> None:
    comparison = example_comparison()
    before = copy.deepcopy(comparison)
    write_report(comparison, tmp_path)
    assert comparison == before


def test_page_is_well_formed(html: str) -> None:
    page = Page(html)
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert ids and len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|popovertarget="|aria-labelledby="| for=")([^" ]+)', html)) <= set(ids)


def test_page_asks_for_nothing_outside_itself(html: str) -> None:
    for tag, attrs in Page(html).tags:
        for name in ("src", "srcset", "href", "xlink:href", "data", "action", "poster"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), f"<{tag} {name}={value}>"
    assert not re.search(r"url\(\s*['\"]?(?!#)", html)
    assert "@import" not in html
    policy = next(attrs["content"] for tag, attrs in Page(html).tags if attrs.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")


def test_the_policy_allows_the_one_script(html: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(script) == 1
    assert base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode() in unescape(html)


def test_page_is_the_same_every_time(html: str, tmp_path: Path) -> None:
    assert write_report(example_comparison(), tmp_path).read_text("utf-8") == html


def test_page_is_small(written: Path) -> None:
    assert (written / "comparison.html").stat().st_size < 1_500_000


def test_every_model_and_genre_is_shown(written: Path, html: str) -> None:
    page, markdown = Page(html), (written / "comparison.md").read_text("utf-8")
    given = example_comparison()
    for text in (page.text, markdown):
        for model in given["models"].values():
            assert model["label"] in text
        for genre in given["genres"]:
            assert genre in text
        for film in given["example_films"]:
            assert film["overview"] in text
    assert sum(tag == "img" for tag, _ in page.tags) == 11 + 2  # two of them on the first screen too
    assert "no poster" in page.text


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["example_films"][0] |= {"id": HOSTILE, "overview": HOSTILE * 4, "poster_jpeg": '"><b onclick=x>'}
    comparison["example_films"][1] |= {"overview": "half a pair \ud800 of surrogates"}
    comparison["command"] = comparison["source"] = HOSTILE
    comparison["evaluated_rejects"] = {HOSTILE: 1}
    page, markdown, _ = rewritten(comparison, tmp_path)
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 6
    assert "<script>" not in markdown and "<img" not in markdown
    assert r"\| a \| \*\*b\*\*" in markdown


def test_labels_may_hold_anything(tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["models"]["cnn"]["label"] = "A & B <i>$x$</i>"
    page, _, _ = rewritten(comparison, tmp_path)
    assert "A & B <i>$x$</i>" in page.text
    assert "i" not in [tag for tag, _ in page.tags]


def test_tables_of_markdown_are_rectangular(written: Path) -> None:
    lines = [line for line in (written / "comparison.md").read_text("utf-8").splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    # A column has a border at its left, and the last one at its right too. The best model of the 23 genres with films;
    # a model and 14 metrics; four models by four; six pairs of models by six metrics; the cost of four models; three
    # settings that differ of none, four that are equal; five numbers of calibration; a genre, its films evaluated and
    # trained on, and four models; the answers of two models.
    table = [6] * (2 + 23) + [16] * (2 + 4) + [6] * (2 + 4) + [8] * (2 + 6) + [6] * (2 + 4) + [4] * 2 + [3] * (2 + 5)
    assert widths == table + [7] * (2 + 4) + [8] * (2 + 25) + 2 * [8] * (2 + 25)


def test_best_of_a_column_is_bold(html: str) -> None:
    row = html.partition('aria-label="Metrics of each model"')[2].partition("TF-IDF")[2].partition("</tr>")[0]
    assert re.search(r'class="best"\s*>0.200', row)  # the lowest loss, not the highest


def test_joint_models_are_shown_like_the_first_ones(tmp_path: Path) -> None:
    page, markdown, text = rewritten(example_comparison(models=ALL), tmp_path)
    assert page.open == []
    read = json.loads(text)
    for words in (page.text, markdown):
        assert "Poster + overview fusion" in words and "Poster CNN 0.12, Overview BiLSTM 0.20" in words
        assert "480 validation films in 10 folds" in words
    assert "Ensemble: answers" not in markdown and "Poster + overview fusion: answers at thresholds" in markdown
    assert read["models"]["fusion"]["overfitting"]["sentence"]
    # Curves of three trained models, four measures each; two plots of models, six reliability curves, one plot of
    # genres, three of pairs: the two models of one input, and each joint model with the best of one input; the bars of
    # the first screen, and cost against quality.
    assert sum(tag == "svg" for tag, _ in page.tags) == 3 * 4 + 2 + 6 + 1 + 3 + 2
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_a_model_has_the_same_sign_on_every_page() -> None:
    alone, among = styles(example_comparison(models=["ensemble", "prior"])), styles(example_comparison(models=ALL))
    assert alone["ensemble"] == among["ensemble"] and alone["ensemble"].glyph == "✚"
    assert styles(example_comparison(models=["lstm"]))["lstm"] == among["lstm"]


def test_every_model_has_a_colour_of_its_own_whoever_else_is_there() -> None:
    all_of_them = styles(example_comparison(models=ALL))
    shown = [all_of_them[key].colour for key in ("cnn", "lstm", "fusion", "ensemble")]
    assert shown == [BLUE, VERMILLION, GREEN, PURPLE]
    assert [all_of_them[key].baseline for key in ALL] == [False] * 4 + [True] * 2
    few = styles(example_comparison(models=["lstm", "ensemble", "tfidf"]))
    assert (few["lstm"].colour, few["ensemble"].colour) == (VERMILLION, PURPLE)


def test_markdown_says_what_the_films_are_once(tmp_path: Path) -> None:
    comparison = comparison_with_films(24, ["cnn", "lstm", "prior"])
    _, markdown, _ = rewritten(comparison, tmp_path)
    assert markdown.count("Invented films") == 1
    assert "### Poster CNN right, Overview BiLSTM wrong\n" in markdown


def test_an_ensemble_predicts_as_long_as_its_members_by_a_command(tmp_path: Path) -> None:
    comparison = comparison_with_films(24, ALL) | {"python": ".venv/bin/python"}
    comparison["models"]["ensemble"]["folder"] = "/reports/my report/models/ensemble"
    for key, seconds in {"cnn": 1.0, "lstm": 2.0, "fusion": 4.0, "tfidf": 0.5}.items():
        comparison["models"][key]["scoring"] = {"films": 240, "seconds": seconds}
    page, markdown, _ = rewritten(comparison, tmp_path)
    assert page.text.count("poster and overview; one of them will do") == 1  # the fusion has not learned it
    assert page.text.count("poster and overview; both are needed") == 1
    assert (
        "cd /home/somebody/film-genres && .venv/bin/python ray_jobs/predict.py "
        "--model '/reports/my report/models/ensemble' --films FOLDER --out OUT"
    ) in page.text
    (row,) = [line for line in markdown.splitlines() if line.startswith("| Ensemble |") and "9,734,000" in line]
    assert "| 7.5 s (240 films) |" in row


def test_several_runs_of_a_model_are_listed_with_their_spread(tmp_path: Path) -> None:
    comparison = example_comparison()
    figures = {"loss": 0.2, "micro_f1": 0.4, "macro_f1": 0.1}
    comparison["models"]["cnn"]["runs"] = [
        {"name": f"seed-{n}", "epoch": 30 + n, "epochs": 40, "seed": n, "mean_average_precision": ap, **figures}
        for n, ap in enumerate((0.18, 0.2, 0.22))
    ]
    page, markdown, text = rewritten(comparison, tmp_path)
    assert page.open == []
    for words in (page.text, markdown):
        assert "seed-2" in words
        assert "0.200 ± 0.020" in words  # of 0.18, 0.20, 0.22
        assert "train several to know by how much" in words  # of the other model
    assert json.loads(text)["models"]["cnn"]["runs"] == comparison["models"]["cnn"]["runs"]


def test_runs_with_other_settings_are_compared_with_the_evaluated_models(tmp_path: Path) -> None:
    def run(kind: str, name: str, preset: str, ahead: float, interval: list[float]) -> dict[str, Any]:
        names = ("loss", "mean_average_precision", "at_tuned_micro_f1", "at_tuned_macro_f1")
        difference = {"difference": ahead, "interval": interval}
        return {
            "kind": kind, "label": f"Model {kind}", "run": name, "preset": preset, "against": kind,
            "checkpoint": f"runs/{name}/epoch-003", "epoch": 3, "epochs": 9, "parameters": 7,
            "figures": dict.fromkeys(names, 0.25), "intervals": {key: [0.125, 0.5] for key in names},
            "differences": dict.fromkeys(names, difference),
        }  # fmt: skip

    comparison = example_comparison()
    comparison["reference_runs"] = [
        run("cnn", "old<b>", "coursework", 0.04, [0.02, 0.06]),
        run("cnn", "twin", "", -0.001, [-0.01, 0.008]),
        run("lstm", "more", "pretrained", -0.09, [-0.11, -0.07]),
    ]
    page, markdown, text = rewritten(comparison, tmp_path)
    assert page.open == []
    for words in (page.text, markdown.replace("\\", "").replace("&lt;", "<").replace("&gt;", ">")):
        assert "Model cnn, coursework (old<b>)" in words and "Model cnn (twin)" in words
        assert "3 of 9" in words and "−0.110 to −0.070" in words
    # Clearly ahead, not clearly, clearly behind: only the first is bold.
    assert "| Poster CNN | **+0.040** (0.020 to 0.060) |" in markdown
    assert "| Poster CNN | −0.001 (−0.010 to 0.008) |" in markdown
    assert "| Overview BiLSTM | −0.090 (−0.110 to −0.070) |" in markdown
    assert json.loads(text)["reference_runs"] == comparison["reference_runs"]


def test_a_comparison_from_before_calibration_was_measured_works(tmp_path: Path) -> None:
    comparison = example_comparison()
    for model in comparison["models"].values():
        del model["calibration"]
    page, markdown, _ = rewritten(comparison, tmp_path)
    assert page.open == []
    for words in (page.text, markdown):
        assert "can be believed" not in words


@pytest.mark.parametrize(
    "models",
    [
        ["lstm", "prior", "tfidf"],
        ["cnn"],
        ["fusion", "tfidf"],
        ["lstm", "fusion", "ensemble", "prior"],
        ["prior", "tfidf"],
    ],
)
def test_fewer_models_work(models: list[str], tmp_path: Path) -> None:
    page, markdown, _ = rewritten(example_comparison(models=models), tmp_path)
    assert page.open == []
    assert markdown.startswith("# ")


def test_no_example_films_work(tmp_path: Path) -> None:
    page, markdown, _ = rewritten(example_comparison(example_films=0), tmp_path)
    assert "Some of the films" not in page.text
    assert "## Some of the films" not in markdown


def test_a_short_and_broken_history_is_drawn(tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["models"]["cnn"]["history"] = comparison["models"]["cnn"]["history"][:1]
    for row in comparison["models"]["lstm"]["history"]:
        row |= {"precision": None, "validation_precision": float("nan"), "loss": None}
    page, _, _ = rewritten(comparison, tmp_path)
    assert "nothing can be said on overfitting" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 4 + 3 + 2 + 4 + 1 + 1 + 2  # the BiLSTM has no precision to draw


def test_a_folder_of_few_films_works(tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["films"]["evaluated"] = 1
    comparison["evaluated_on"] = "the films in my-films"
    comparison["genre_counts"]["evaluated"] = dict.fromkeys(comparison["genres"], 0) | {"Drama": 1}
    page, _, _ = rewritten(comparison, tmp_path)
    assert "Only 1 film was evaluated" in page.text
    assert "the films in my-films" in page.text


def test_films_seen_in_training_raise_an_alarm(html: str, tmp_path: Path) -> None:
    comparison = example_comparison()
    comparison["seen_in_training"] = 961
    page, markdown, _ = rewritten(comparison, tmp_path)
    alarms = [attrs for tag, attrs in page.tags if attrs.get("role") == "alert"]
    assert len(alarms) == 1 and "961 of the 961 films evaluated here were also in the training split" in page.text
    assert "> **Warning:** 961 of the 961 films" in markdown
    assert 'role="alert"' not in html


def test_plots_follow_the_scheme_of_the_reader(html: str) -> None:
    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"(?:fill|stroke): #", drawn)  # every colour is a variable of the page
    assert "font-family" not in drawn
