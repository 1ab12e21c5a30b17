"""The files of an ablation: what helped and what did not, in words, tables and plots."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from genre_models.report.ablation.findings import findings, headline, outcome, screen_table
from genre_models.report.ablation.page import write_ablation
from genre_models.report.ablation.query import group, side
from genre_models.report.ablation.tables import variants_csv
from genre_models.report.comparison.page import write_report
from genre_models.studies.ablation_effects import RunScores
from tests.genre_models.report.example import example_comparison
from tests.genre_models.studies.made_ablation import evaluated_runs, made_ablation


@pytest.fixture(scope="module")
def runs() -> dict[str, dict[int, RunScores]]:
    return evaluated_runs(3)


def test_components_are_ranked_by_their_effect(runs: dict[str, dict[int, RunScores]]) -> None:
    ablation = made_ablation(evaluated=runs)
    assert [variant["component"] for variant in group(ablation, "without")] == ["word dropout", "idle"]
    assert [variant["component"] for variant in group(ablation, "with")] == ["mixup", "focal loss"]
    scores = {variant["component"]: variant for variant in ablation["variants"]}
    assert [side(scores[component]) for component in ("word dropout", "idle", "focal loss", "mixup")] == [1, 0, -1, 0]
    # A lower loss is the better one.
    assert scores["word dropout"]["effect"]["test"]["loss"]["difference"] < 0
    assert side(scores["word dropout"], "test", "loss") == 1
    ours, theirs = (runs[name][1].metrics["test"]["micro_f1"] for name in ("best", "best without word dropout"))
    assert scores["word dropout"]["effect"]["test"]["micro_f1"]["by_seed"][1] == pytest.approx(ours - theirs)


def test_the_words_say_what_helped_and_what_did_not(runs: dict[str, dict[int, RunScores]]) -> None:
    ablation = made_ablation(evaluated=runs)
    assert headline(ablation) == "Overview LSTM: a clear gain from 1 of 2 components of its preset best"
    texts = {finding.title: finding.text for finding in findings(ablation)}
    assert re.fullmatch(
        r"Clear gain: word dropout \(\+0.2\d\d\)\. No clear effect: idle \([+−]?0.00\d\)\.",
        texts["Components in the preset"],
    )
    assert "Clear loss: focal loss (−" in texts["Components that the preset leaves off"]
    assert "brings the coursework's mean AP from" in texts["All components together"]
    assert "one seed" not in texts["Certainty"]
    assert "one seed" in {f.title: f.text for f in findings(made_ablation(seeds=1))}["Certainty"]
    assert outcome(ablation).startswith("Components in the preset. Clear gain: word dropout (+")
    assert any(line.startswith("word dropout") and line.endswith("+") for line in screen_table(ablation))


def test_an_effect_that_seeds_disagree_on_is_not_called_none(runs: dict[str, dict[int, RunScores]]) -> None:
    ablation = made_ablation(evaluated=runs)
    idle = next(variant for variant in ablation["variants"] if variant["component"] == "idle")
    idle["effect"]["test"]["mean_average_precision"] |= {"interval": [0.001, 0.009], "clear": False}
    (text,) = [finding.text for finding in findings(ablation) if finding.title == "Components in the preset"]
    assert "No clear effect" not in text and "Not the same with every seed: idle (" in text


def test_one_component_that_nobody_described_reads_well(runs: dict[str, dict[int, RunScores]], tmp_path: Path) -> None:
    ablation = made_ablation(evaluated=runs)
    kept = ("best", "best with mixup")
    ablation["variants"] = [variant | {"what": ""} for variant in ablation["variants"] if variant["name"] in kept]
    write_ablation(ablation, tmp_path)
    written = (tmp_path / "ablation.md").read_text()
    assert "\n| mixup | " in written
    assert "components without effect" not in written


def test_an_ablation_without_results_says_so(tmp_path: Path) -> None:
    empty = made_ablation(evaluated={})
    assert "nothing can be said" in headline(empty)
    assert "nothing can be said yet" in outcome(empty)
    write_ablation(empty, tmp_path)
    assert (tmp_path / "ablation.html").exists() and not list(tmp_path.glob("*.svg"))


def test_a_variant_that_failed_is_named_and_the_others_are_shown(runs: dict[str, dict[int, RunScores]]) -> None:
    ablation = made_ablation(
        evaluated={name: scores for name, scores in runs.items() if name != "best with focal loss"}
    )
    failed = next(variant for variant in ablation["variants"] if variant["component"] == "focal loss")
    failed["runs"] = [
        {"seed": 0, "trial": 4, "status": "failed", "reason": "no memory", "path": "", "epochs": 0, "epoch": None,
         "seconds": 0.0, "figures": None}
    ]  # fmt: skip
    texts = {finding.title: finding.text for finding in findings(ablation)}
    assert "best with focal loss, seed 0 (no memory)" in texts["Missing"]
    assert [variant["component"] for variant in group(ablation, "with")] == ["mixup"]


def test_the_files_hold_every_variant(runs: dict[str, dict[int, RunScores]], tmp_path: Path) -> None:
    ablation = made_ablation(evaluated=runs)
    write_ablation(ablation, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "ablation.json", "ablation.csv", "ablation_runs.csv", "ablation.md", "ablation.html", "effect.svg",
        "left-off.svg",
    }  # fmt: skip
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(variants_csv(ablation)))}
    assert set(rows) == set(runs)
    mean = np.mean([run.metrics["test"]["loss"] for run in runs["coursework"].values()])
    assert float(rows["coursework"]["test_loss_mean"]) == pytest.approx(float(mean))
    assert rows["best"]["test_loss_effect"] == ""
    assert "&lt;what&gt;" in (tmp_path / "ablation.html").read_text()
    assert "<what>" not in (tmp_path / "ablation.html").read_text()
    with (tmp_path / "ablation_runs.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 18


def test_the_comparison_s_page_shows_the_effect_of_each_component(
    runs: dict[str, dict[int, RunScores]], tmp_path: Path
) -> None:
    ablation = made_ablation(evaluated=runs)
    comparison = example_comparison(example_films=0) | {"ablations": [ablation, made_ablation(evaluated={})]}
    html, text = write_report(comparison, tmp_path).read_text(), (tmp_path / "comparison.md").read_text()
    for page in (html, text):
        # The one that nothing can be said of yet is not shown.
        assert page.count("Overview LSTM: a clear gain from 1 of 2 components of its preset best") == 1
        assert "The effect of each component" in page
        assert "word dropout (+" in page
    assert ".components {" in html and "Effect of each component on mean average precision. word dropout, " in html
    assert "effect of each" not in write_report(example_comparison(example_films=0), tmp_path).read_text()
    with pytest.raises(ValueError, match="analysed first"):
        bare = {**ablation, "variants": [{"name": "best"}]}
        write_report(example_comparison(example_films=0) | {"ablations": [bare]}, tmp_path)
