"""What an ablation makes of its runs: the mean and spread over seeds, what a effect of each, and how sure that is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss

from genre_models.report.ablation.findings import findings, headline, outcome, screen_table
from genre_models.report.ablation.page import write_ablation
from genre_models.report.ablation.query import group, side
from genre_models.report.ablation.section import ablation_parts
from genre_models.report.ablation.tables import variants_csv
from genre_models.report.comparison.page import write_report
from genre_models.studies.ablation_effects import FIGURES, SPLITS, RunScores, effect, evaluate_run, over_seeds
from tests.genre_models.report.example import example_comparison
from tests.genre_models.studies.made_ablation import evaluated_runs, made_ablation


@pytest.fixture(scope="module")
def runs() -> dict[str, dict[int, RunScores]]:
    return evaluated_runs(3)


def run_with(value: float, draws: np.ndarray) -> RunScores:
    """A run with one value for every figure, and these values on the resamples."""
    return RunScores(
        {split: dict.fromkeys(FIGURES, value) for split in SPLITS},
        {split: dict.fromkeys(FIGURES, draws) for split in SPLITS},
    )


def test_a_run_is_evaluated_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    labels = {split: (rng.random((40, 3)) < 0.4).astype(np.float32) for split in SPLITS}
    scores = {split: rng.random((40, 3)) for split in SPLITS}
    run = evaluate_run(labels, scores, resamples=100)
    for split in SPLITS:
        wanted = average_precision_score(labels[split], scores[split], average="macro")
        assert run.figures[split]["mean_average_precision"] == pytest.approx(wanted)
        loss = np.mean([log_loss(labels[split][:, g], scores[split][:, g]) for g in range(3)])
        assert run.figures[split]["loss"] == pytest.approx(loss, rel=1e-5)
        assert {len(draws) for draws in run.drawn[split].values()} == {100}


def test_mean_and_spread_over_seeds() -> None:
    draws = np.zeros(100)
    told = over_seeds([run_with(value, draws) for value in (0.1, 0.2, 0.6)])
    assert told is not None
    found = told["test"]["loss"]
    assert found["mean"] == pytest.approx(0.3)
    assert (found["low"], found["high"]) == (0.1, 0.6)
    assert found["deviation"] == pytest.approx(0.2646, abs=1e-4)  # by hand: sqrt((.04 + .01 + .09) / 2)
    one = over_seeds([run_with(0.1, draws)])
    assert one is not None and one["test"]["loss"]["deviation"] is None
    assert over_seeds([]) is None


def test_a_difference_is_paired_by_seed_and_clear_only_where_every_seed_agrees() -> None:
    draws = np.linspace(-0.001, 0.001, 101)
    zero = np.zeros(101)
    cured = {0: run_with(0.30, draws), 1: run_with(0.32, draws), 7: run_with(0.9, draws)}
    uncured = {0: run_with(0.25, zero), 1: run_with(0.25, zero)}
    told = effect(cured, uncured)
    assert told is not None
    found = told["test"]["mean_average_precision"]
    assert found["difference"] == pytest.approx(0.06)  # the seed without a partner has no say
    assert found["by_seed"] == pytest.approx([0.05, 0.07])
    assert found["interval"] == pytest.approx([0.06 - 0.00095, 0.06 + 0.00095])
    assert found["clear"]
    cured[1] = run_with(0.249, draws)
    split = effect(cured, uncured)
    assert split is not None
    # The mean over seeds lies beyond its interval, which knows nothing of seeds; but they do not agree.
    assert split["test"]["mean_average_precision"]["interval"][0] > 0
    assert not split["test"]["mean_average_precision"]["clear"]
    assert effect(cured, {5: uncured[0]}) is None


def test_components_are_ranked_by_their_effect_and_told_apart(runs: dict[str, dict[int, RunScores]]) -> None:
    told = made_ablation(evaluated=runs)
    assert [one["component"] for one in group(told, "without")] == ["word dropout", "idle"]
    assert [one["component"] for one in group(told, "with")] == ["mixup", "focal loss"]
    found = {one["component"]: one for one in told["variants"]}
    assert [side(found[component]) for component in ("word dropout", "idle", "focal loss", "mixup")] == [1, 0, -1, 0]
    # A lower loss is the better one.
    assert found["word dropout"]["effect"]["test"]["loss"]["difference"] < 0
    assert side(found["word dropout"], "test", "loss") == 1
    ours, theirs = (runs[name][1].figures["test"]["micro_f1"] for name in ("best", "best without word dropout"))
    assert found["word dropout"]["effect"]["test"]["micro_f1"]["by_seed"][1] == pytest.approx(ours - theirs)


def test_the_words_say_what_helped_and_what_did_not(runs: dict[str, dict[int, RunScores]]) -> None:
    told = made_ablation(evaluated=runs)
    assert headline(told) == "Overview LSTM: 1 of the 2 components in its preset best earns its keep"
    said = {finding.title: finding.text for finding in findings(told)}
    assert (
        "one added mean average precision on the test films, beyond the interval: word dropout (+"
        in said["What its components add"]
    )
    assert "One added nothing that can be told from chance: idle" in said["What its components add"]
    assert "One would cost some of it: focal loss (−" in said["What it leaves off"]
    assert "brings the coursework's mean AP from" in said["All of it together"]
    assert "one seed" not in said["How sure this is"]
    assert "one seed" in {f.title: f.text for f in findings(made_ablation(seeds=1))}["How sure this is"]
    assert any(line.startswith("word dropout") and line.endswith("+") for line in screen_table(told))


def test_one_cure_that_nobody_described_reads_well(runs: dict[str, dict[int, RunScores]]) -> None:
    told = made_ablation(evaluated=runs)
    kept = ("best", "best with mixup")
    told["variants"] = [one | {"what": ""} for one in told["variants"] if one["name"] in kept]
    written = "\n".join(ablation_parts(told))
    assert "\n| mixup | " in written
    assert "components that do nothing" not in written


def test_an_ablation_without_results_says_so(tmp_path: Path) -> None:
    empty = made_ablation(evaluated={})
    assert "nothing can be said" in headline(empty)
    assert "nothing can be said yet" in outcome(empty)
    write_ablation(empty, tmp_path)
    assert (tmp_path / "ablation.html").exists() and not list(tmp_path.glob("*.svg"))


def test_a_variant_that_failed_is_named_and_the_others_are_told(runs: dict[str, dict[int, RunScores]]) -> None:
    told = made_ablation(evaluated={name: found for name, found in runs.items() if name != "best with focal loss"})
    failed = next(one for one in told["variants"] if one["component"] == "focal loss")
    failed["runs"] = [
        {"seed": 0, "trial": 4, "status": "failed", "reason": "no memory", "path": "", "epochs": 0, "epoch": None,
         "seconds": 0.0, "figures": None}
    ]  # fmt: skip
    said = {finding.title: finding.text for finding in findings(told)}
    assert "best with focal loss, seed 0 (no memory)" in said["What is missing"]
    assert [one["component"] for one in group(told, "with")] == ["mixup"]


def test_the_files_hold_every_variant(runs: dict[str, dict[int, RunScores]], tmp_path: Path) -> None:
    told = made_ablation(evaluated=runs)
    write_ablation(told, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "ablation.json", "ablation.csv", "ablation_runs.csv", "ablation.md", "ablation.html", "effect.svg",
        "left-off.svg",
    }  # fmt: skip
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(variants_csv(told)))}
    assert set(rows) == set(runs)
    mean = np.mean([run.figures["test"]["loss"] for run in runs["coursework"].values()])
    assert float(rows["coursework"]["test_loss_mean"]) == pytest.approx(float(mean))
    assert rows["best"]["test_loss_effect"] == ""
    assert "&lt;what&gt;" in (tmp_path / "ablation.html").read_text()
    assert "<what>" not in (tmp_path / "ablation.html").read_text()
    with (tmp_path / "ablation_runs.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 18


def test_the_comparison_s_page_shows_the_effect_of_each_component(
    runs: dict[str, dict[int, RunScores]], tmp_path: Path
) -> None:
    told = made_ablation(evaluated=runs)
    paths = write_report(
        example_comparison(example_films=0) | {"ablations": [told, made_ablation(evaluated={})]}, tmp_path
    )
    html, text = paths.html.read_text(), paths.markdown.read_text()
    for page in (html, text):
        # The one that nothing can be said of yet is not shown.
        assert page.count("Overview LSTM: 1 of the 2 components in its preset best earns its keep") == 1
        assert "The effect of each component" in page
        assert "word dropout (+" in page
    assert ".components {" in html and "ablation-1-effect" in html
    assert "effect of each" not in write_report(example_comparison(example_films=0), tmp_path).html.read_text()
    with pytest.raises(ValueError, match="analysed first"):
        bare = {**told, "variants": [{"name": "best"}]}
        write_report(example_comparison(example_films=0) | {"ablations": [bare]}, tmp_path)
