"""The files of a sweep: complete, self-contained, safe with hostile texts, and drawn whatever became of the trials."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from genre_models.report.comparison.page import write_report
from genre_models.report.style.table import Cell
from genre_models.report.sweep.findings import failures, headline, mattered, outcome, stopping
from genre_models.report.sweep.page import write_sweep
from genre_models.report.sweep.tables import gain_table, trials_csv
from genre_models.studies.sweep_analysis import analysed
from tests.genre_models.report.example import example_comparison
from tests.genre_models.report.html_page import Page

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7 * 7 }} | a | **b** $x$'
PICTURES = {"curves", "settings", "importance", "saved"}
SPACES: dict[str, dict[str, dict[str, Any]]] = {
    "cnn": {
        "learning_rate": {"low": 3e-5, "high": 3e-3, "log": True, "step": None, "unit": "Adam's, in a step",
                          "why": "from a third of the coursework's 1e-4 to three times Adam's own 1e-3"},
        "schedule": {"values": ["hold_then_decay", "cosine", "constant"], "unit": "over the epochs",
                     "why": "the coursework's hardly falls; a cosine ends near 0"},
        "batch_size": {"values": [32, 64, 128], "unit": "films a step", "why": "half to twice the coursework's"},
        "weight_decay": {"values": [0.0, 0.01, 0.03, 0.1], "unit": "share of the weights, times the learning rate",
                         "why": "at 1e-3 and 75 steps an epoch, 0.01 takes 3 % off the weights in 40 epochs"},
        "dense_dropout": {"low": 0.0, "high": 0.8, "log": False, "step": 0.05, "unit": "share of activations",
                          "why": "most weights are here, and here the CNN overfits"},
        "augmentation": {"low": 0.0, "high": 1.0, "log": False, "step": 0.25, "unit": "share of the full strength",
                         "why": "5,000 posters are few: varied ones stand for more"},
    },
    "lstm": {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True, "step": None, "unit": "", "why": "around Adam's own"},
        "words": {"values": [60, 120, 200], "unit": "words read", "why": "overviews have 55 words in the middle"},
        "dropout": {"low": 0.0, "high": 0.6, "log": False, "step": 0.1, "unit": "", "why": "it overfits from epoch 9"},
    },
}  # fmt: skip
STARTS: dict[str, dict[str, Any]] = {
    "cnn": {"learning_rate": 1e-4, "schedule": "hold_then_decay", "batch_size": 64, "weight_decay": 0.0,
            "dense_dropout": 0.5, "augmentation": 0.0},
    "lstm": {"learning_rate": 1e-3, "words": 120, "dropout": 0.4},
}  # fmt: skip


def example_sweep(kind: str = "cnn", trials: int = 30, seed: int = 0) -> dict[str, Any]:
    """A sweep as the job keeps it, all invented: the learning rate decides, every tenth trial fails."""
    chance, epochs = random.Random(seed), 24
    made = [_trial(kind, number, epochs, chance) for number in range(1, trials + 1)]
    return {
        "format": 1, "kind": kind, "label": {"cnn": "Poster CNN", "lstm": "Overview BiLSTM"}[kind],
        "sees": {"cnn": "poster", "lstm": "overview"}[kind], "name": f"tune-{kind}", "path": f"runs/tune-{kind}",
        "created": "2026-11-22T18:00:00+00:00", "command": f"python ray_jobs/tune_{kind}.py --store runs/store",
        "seconds": 5400.0,
        "store": {"fingerprint": "6f1c", "path": "runs/store", "films": {"train": 3370, "validation": 480,
                                                                         "test": 961}},
        "metric": "validation_loss", "mode": "min", "epochs": epochs, "asked": trials, "scheduler": "asha",
        "search": "random", "seed": seed, "space": SPACES[kind], "trials": made, "checkpoints_per_trial": 2,
    }  # fmt: skip


def _trial(kind: str, number: int, epochs: int, chance: random.Random) -> dict[str, Any]:
    settings = STARTS[kind] if number == 1 else {name: _drawn(space, chance) for name, space in SPACES[kind].items()}
    dropout = next(value for name, value in settings.items() if "dropout" in name)
    lead = 0.225 + 0.012 * (math.log10(settings["learning_rate"]) + 3.1) ** 2 + 0.02 * (dropout - 0.4) ** 2
    lead += chance.gauss(0, 0.0015)
    failed = number > 1 and number % 10 == 0
    runs = 2 if failed else epochs if number == 1 or lead < 0.2275 else chance.choice([3, 3, 9])
    history = []
    for epoch in range(1, runs + 1):
        loss = lead + 0.06 * math.exp(-epoch / 4) + 0.0004 * max(0, epoch - 14) + chance.gauss(0, 0.0006)
        history.append({
            "epoch": epoch, "loss": loss - 0.002 * epoch, "precision": 0.5, "recall": 0.3, "validation_loss": loss,
            "validation_precision": 0.5, "validation_recall": 0.3,
            "validation_mean_average_precision": 0.9 - 3 * loss, "learning_rate": settings["learning_rate"],
            "seconds": 7.5, "training_seconds": 7.0, "films_per_second": 480.0,
        })  # fmt: skip
    path = f"runs/tune-{kind}/trial-{number:03}"
    status = "failed" if failed else "finished" if runs == epochs else "stopped"
    reason = {"failed": f"the loss of epoch {2 + number // 10} is nan", "stopped": "fell behind", "finished": ""}
    return {
        "number": number, "status": status, "reason": reason[status], "settings": dict(settings), "path": path,
        "checkpoint": f"{path}/checkpoint", "history": history,
    }  # fmt: skip


def _drawn(space: dict[str, Any], chance: random.Random) -> Any:
    if "values" in space:
        return chance.choice(space["values"])
    if space["log"]:
        return math.exp(chance.uniform(math.log(space["low"]), math.log(space["high"])))
    return round(space["low"] + space["step"] * chance.randint(0, round(space["high"] / space["step"])), 3)


GAIN = {
    "start": {"loss": 0.2391, "mean_average_precision": 0.2213, "micro_f1": 0.431},
    "best": {"loss": 0.2302, "mean_average_precision": 0.2467, "micro_f1": 0.436},
    "differences": {
        "mean_average_precision": {"difference": 0.0254, "interval": [0.0112, 0.0396]},
        "loss": {"difference": -0.0089, "interval": [-0.0121, -0.0057]},
        "at_tuned_micro_f1": {"difference": 0.005, "interval": [-0.004, 0.014]},
    },
}


def page_of(sweep: dict[str, Any], folder: Path) -> tuple[Page, Path]:
    """The page of a sweep and the folder of its files; each picture must be an SVG file of its own."""
    write_sweep(analysed(sweep), folder)
    for picture in folder.glob("*.svg"):
        root = ElementTree.parse(picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert float(root.attrib["width"]) > 100 and float(root.attrib["height"]) > 50
        assert not re.search(r"(?<![a-z])nan(?![a-z])", picture.read_text("utf-8"), re.I)
    page = Page((folder / "sweep.html").read_text("utf-8"))
    assert page.open == []
    return page, folder


def pictures(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.svg")}


def of(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The example with these trials."""
    return example_sweep(trials=1) | {"trials": trials, "asked": len(trials)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, Path]:
    return page_of(example_sweep() | {"gain": GAIN}, tmp_path_factory.mktemp("sweep") / "new")


def test_every_file_is_written(written: tuple[Page, Path]) -> None:
    assert {path.name for path in written[1].iterdir()} == {
        "sweep.json", "trials.csv", "trials.md", "sweep.html", *(f"{name}.svg" for name in PICTURES),
    }  # fmt: skip


def test_page_shows_settings_trials_and_how_to_go_on(written: tuple[Page, Path]) -> None:
    page, folder = written
    best = json.loads((folder / "sweep.json").read_text("utf-8"))["analysis"]["best"]
    for name, space in SPACES["cnn"].items():
        assert name in page.text and space["why"] in page.text
    train = "python ray_jobs/train_cnn.py --config runs/tune-cnn/best_config.yaml --store runs/store --runs runs"
    assert train in page.text
    evaluate = f"--runs runs --cnn runs/tune-cnn/trial-{best:03}/checkpoint --report runs/tune-cnn/report"
    assert evaluate in page.text
    assert sum(tag == "tr" for tag, _ in page.tags) == (1 + 3) + (1 + 6) + (1 + 30)
    assert sum(tag == "svg" for tag, _ in page.tags) == 4
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == ["#result", "#result", "#next", "#made"]
    assert f"Trial {best} was the best" in page.text
    assert "trials 10, 20 and 30: the loss of epoch 3 is nan" in page.text


def test_page_asks_for_nothing_outside_itself(written: tuple[Page, Path]) -> None:
    page, folder = written
    html = (folder / "sweep.html").read_text("utf-8")
    assert not [a for tag, a in page.tags if any(not (a.get(n) or "#").startswith("#") for n in ("src", "href"))]
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'")
    assert not re.search(r"(?:fill|stroke): #", "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL)))


def test_markdown_shows_the_pictures_and_every_trial(written: tuple[Page, Path]) -> None:
    text = (written[1] / "trials.md").read_text("utf-8")
    assert {f"{name}.svg" for name in PICTURES} == set(re.findall(r"!\[.*?\]\((.*?)\)", text))
    rows = [line for line in text.partition("**All 30 trials")[2].splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 30
    assert "(best)" in rows[2] and sum("(start)" in row for row in rows) == 1
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {1 + 1 + 6 + 6}
    assert "- Failed: trials 10, 20 and 30: the loss of epoch 3 is nan" in text


def test_csv_is_read_back() -> None:
    sweep = example_sweep(trials=3)
    sweep["trials"][1] |= {"status": "failed", "reason": 'a "quoted", long\nreason', "checkpoint": None, "history": []}
    lines = list(csv.DictReader(io.StringIO(trials_csv(analysed(sweep)))))
    assert [line["number"] for line in lines] == ["1", "2", "3"]
    assert list(lines[0])[:8] == [
        "number", "status", "reason", "epochs", "best_epoch", "validation_loss",
        "validation_mean_average_precision", "seconds",
    ]  # fmt: skip
    assert lines[1]["reason"] == 'a "quoted", long\nreason' and lines[1]["validation_loss"] == ""
    losses = [epoch["validation_loss"] for epoch in sweep["trials"][0]["history"]]
    assert float(lines[0]["validation_loss"]) == min(losses)
    assert int(lines[0]["best_epoch"]) == losses.index(min(losses)) + 1
    assert lines[0]["schedule"] == "hold_then_decay" and float(lines[0]["seconds"]) == 24 * 7.5


def test_json_is_strict(tmp_path: Path) -> None:
    sweep = example_sweep(trials=2)
    sweep["trials"][1]["history"][0]["validation_loss"] = float("nan")
    page_of(sweep, tmp_path)
    read = json.loads((tmp_path / "sweep.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert read["trials"][1]["history"][0]["validation_loss"] is None


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    sweep = copy.deepcopy(example_sweep())
    sweep["trials"][9]["reason"] = sweep["command"] = sweep["label"] = HOSTILE
    sweep["trials"][1]["settings"]["schedule"] = HOSTILE
    sweep["space"]["learning_rate"] |= {"why": HOSTILE, "unit": "half a pair \ud800"}
    page, _ = page_of(sweep, tmp_path)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 4
    markdown = (tmp_path / "trials.md").read_text("utf-8")
    assert "<script>" not in markdown and "<img" not in markdown


def test_no_trials_render(tmp_path: Path) -> None:
    page, folder = page_of(of([]), tmp_path)
    assert "no trial has a result" in page.text and pictures(folder) == set()


def test_waiting_and_failed_trials_render(tmp_path: Path) -> None:
    trials = example_sweep(trials=3)["trials"]
    for trial in trials:
        trial |= {"status": "failed", "reason": "worker died: out of memory", "checkpoint": None}
    trials[0]["history"] = []
    trials[2] |= {"status": "waiting", "reason": "", "history": []}
    page, folder = page_of(of(trials), tmp_path)
    assert "2 failed and 1 waiting" in page.text and "trials 1 and 2: worker died: out of memory" in page.text
    assert "How to go on" not in page.text
    assert "importance" not in pictures(folder)


def test_a_picture_of_an_earlier_call_is_removed(tmp_path: Path) -> None:
    page_of(example_sweep(), tmp_path)
    page_of(of([]), tmp_path)
    assert not list(tmp_path.glob("*.svg"))


def test_one_trial_of_one_epoch_renders(tmp_path: Path) -> None:
    sweep = example_sweep(trials=1) | {"epochs": 1}
    sweep["trials"][0]["history"] = sweep["trials"][0]["history"][:1]
    page, folder = page_of(sweep, tmp_path)
    assert "one trial, nothing to compare it with" in page.text and "Only trial 1 has a result" in page.text
    assert pictures(folder) == PICTURES - {"importance"}


@pytest.mark.slow
def test_hundreds_of_trials_render(tmp_path: Path) -> None:
    sweep = example_sweep(trials=300)
    sweep["trials"][7]["history"][0]["validation_loss"] = 1e30
    page, folder = page_of(sweep, tmp_path)
    assert pictures(folder) == PICTURES
    assert (folder / "sweep.html").stat().st_size < 1_500_000
    assert "All 300 trials" in page.text


def test_settings_of_any_kind_are_drawn(tmp_path: Path) -> None:
    sweep = copy.deepcopy(example_sweep())
    names = {"a": [True, False], "b": [[32, 64], [32, 64, 128]], "c": [f"a very long choice {i}" for i in range(12)]}
    for name, values in names.items():
        sweep["space"][f"{name} setting with a name that goes on and on {HOSTILE}"] = {"values": values}
        for trial in sweep["trials"][1:]:
            trial["settings"][f"{name} setting with a name that goes on and on {HOSTILE}"] = values[trial["number"] % 2]
    sweep["space"]["rate"] = {"low": 0.001, "high": 0.002, "log": True, "step": None, "unit": "", "why": ""}
    for trial in sweep["trials"]:
        trial["settings"]["rate"] = 0.0015
    page, _ = page_of(sweep, tmp_path)
    assert "[32, 64] or [32, 64, 128]" in page.text and "0.001 to 0.002, logarithmic" in page.text


def test_mean_average_precision_is_evaluated_upwards(tmp_path: Path) -> None:
    sweep = example_sweep() | {"metric": "validation_mean_average_precision", "mode": "max", "search": "optuna"}
    page, _ = page_of(sweep, tmp_path)
    highest = max(
        (epoch["validation_mean_average_precision"], -trial["number"])
        for trial in sweep["trials"]
        if trial["status"] != "failed"
        for epoch in trial["history"]
    )
    assert f"Trial {-highest[1]} was the best: validation mean average precision {highest[0]:.4f}" in page.text
    assert "higher than the" in page.text and "optuna" in page.text


def two(first: list[float], second: list[float], status: str = "finished") -> dict[str, Any]:
    """Two trials by their validation losses."""
    trials = [
        {"number": number, "status": held, "reason": "", "settings": STARTS["cnn"], "path": "p", "checkpoint": None,
         "history": [{"epoch": i, "validation_loss": loss, "seconds": 2.0} for i, loss in enumerate(losses, start=1)]}
        for number, (losses, held) in enumerate(((first, "finished"), (second, status)), start=1)
    ]  # fmt: skip
    return analysed(of(trials) | {"epochs": 4})


def test_words_are_honest_where_nothing_was_gained() -> None:
    assert "No trial was better than trial 1" in outcome(two([0.3, 0.2], [0.3, 0.25]))
    assert "next to nothing" in outcome(two([0.3, 0.2], [0.3, 0.1995]))
    clear = outcome(two([0.3, 0.2], [0.3, 0.15]))
    assert "Trial 2 was the best: validation loss 0.1500 at epoch 2, 0.0500 (25.0 %) lower than the 0.2000" in clear
    assert "next to nothing" not in clear
    assert "Trial 2 had reached 0.1500 before it failed" in outcome(two([0.3, 0.2], [0.3, 0.15], "failed"))
    assert "Only 2 trials have a figure" in mattered(two([0.3], [0.2]))


def with_ranking(values: list[float]) -> dict[str, Any]:
    """Two trials whose first has the lower loss, with these mean average precisions."""
    sweep = two([0.2], [0.3])
    trials = [
        {**trial, "history": [{**trial["history"][0], "validation_mean_average_precision": value}]}
        for trial, value in zip(sweep["trials"], values, strict=True)
    ]
    return analysed({**sweep, "trials": trials})


def test_a_sweep_says_where_its_two_metrics_disagree() -> None:
    torn = with_ranking([0.2, 0.4])
    assert headline(torn).endswith("validation loss favours trial 1, validation mean average precision favours trial 2")
    assert "By validation mean average precision trial 2 is the best (0.4000); that of trial 1 is 0.2000." in outcome(
        torn
    )
    agreed = with_ranking([0.4, 0.2])
    assert headline(agreed) == "Poster CNN: no trial beat the starting point"
    assert "It is the best by validation mean average precision, too: 0.4000." in outcome(agreed)


def test_words_on_what_was_saved() -> None:
    # Trial 1 ran 4 of 4 epochs, trial 2 ran 1 of 4: 5 of 8, and three epochs of 2 s saved.
    text = stopping(two([0.4, 0.3, 0.2, 0.2], [0.5], "stopped"))
    assert "5 of 8 epochs were run, 38 % fewer" in text and "6.0 s" in text
    assert stopping(two([0.4, 0.3, 0.2, 0.2], [0.5, 0.4, 0.3, 0.3])) == "No trial was stopped early."
    assert stopping(two([0.4, 0.3, 0.2, 0.2], [0.5], "failed")) == "No trial was stopped early."


def test_reasons_that_differ_in_a_number_are_one() -> None:
    sweep = analysed(example_sweep(trials=40))
    assert failures(sweep) == ["trials 10, 20, 30 and 40: the loss of epoch 3 is nan"]


def gains(sweep: dict[str, Any]) -> dict[str, list[Cell]]:
    table = gain_table(sweep)
    return {row[0].text: list(row[1:]) for row in table.rows} if table else {}


def test_a_gain_is_bold_only_where_its_interval_leaves_out_zero_to_the_good() -> None:
    trials = two([0.3, 0.2], [0.3, 0.15])
    assert gains(trials | {"gain": GAIN}) == {
        "mean AP": [Cell("0.2213"), Cell("0.2467"), Cell("+0.0254", "0.0112 to 0.0396", best=True)],
        "micro-F1, tuned": [Cell("0.4310"), Cell("0.4360"), Cell("+0.0050", "−0.0040 to 0.0140")],
        "loss ↓": [Cell("0.2391"), Cell("0.2302"), Cell("−0.0089", "−0.0121 to −0.0057", best=True)],
    }
    worse = {"differences": {"mean_average_precision": {"difference": -0.02, "interval": [-0.03, -0.01]}}}
    assert gains(trials | {"gain": worse}) == {"mean AP": [Cell("–"), Cell("–"), Cell("−0.0200", "−0.0300 to −0.0100")]}
    assert gains(trials | {"gain": None}) == {} == gains(trials | {"gain": {"best": {}}})


@pytest.mark.slow
def test_comparison_shows_how_models_were_found(tmp_path: Path) -> None:
    plain = Page(write_report(example_comparison(), tmp_path / "plain").read_text("utf-8"))
    sweeps = [analysed(example_sweep("cnn") | {"gain": GAIN}), analysed(example_sweep("lstm", trials=12))]
    html = write_report(example_comparison() | {"sweeps": sweeps}, tmp_path / "both").read_text("utf-8")
    markdown = (tmp_path / "both" / "comparison.md").read_text("utf-8")
    page = Page(html)
    assert "How these models were found" in page.text and "How these models were found" in markdown
    assert "How these models were found" not in plain.text and ".study" not in plain.text
    ends = [html.index(f"<h2>{title}") for title in ("How training went", "How these models were found", "Model cards")]
    assert ends == sorted(ends) and 'href="#sweeps"' in html
    # Four pictures, and three: the settings of the second sweep explain nothing.
    assert sum(tag == "svg" for tag, _ in page.tags) == sum(tag == "svg" for tag, _ in plain.tags) + 4 + 3
    assert "Which settings mattered cannot be said" in page.text
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert "+0.0254" in page.text and "**+0.0254** (0.0112 to 0.0396)" in markdown
    assert len(json.loads((tmp_path / "both" / "comparison.json").read_text("utf-8"))["sweeps"]) == 2


def test_a_sweep_without_analysis_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"genre_models\.studies\.sweep_analysis\.analysed"):
        write_sweep(example_sweep(), tmp_path)
    with pytest.raises(ValueError, match=r"genre_models\.studies\.sweep_analysis\.analysed"):
        write_report(example_comparison() | {"sweeps": [example_sweep()]}, tmp_path)
