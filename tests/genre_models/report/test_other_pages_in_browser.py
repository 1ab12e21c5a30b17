"""The pages of a sweep and of a prediction in a real browser."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from genre_models.report.prediction.page import prediction_page
from genre_models.report.sweep.page import write_sweep
from genre_models.studies.sweep_analysis import analysed
from tests.genre_models.report.browser import OPEN_ALL, opened, too_wide, violations
from tests.genre_models.report.example_films import photo
from tests.genre_models.report.prediction.test_page import film, prediction
from tests.genre_models.report.sweep.test_page import example_sweep


@pytest.fixture(scope="module")
def study_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep of two trials; an ablation's has the same template."""
    folder = tmp_path_factory.mktemp("sweep")
    sweep = example_sweep(trials=2)
    write_sweep(analysed(sweep), folder)
    return folder / "sweep.html"


@pytest.mark.slow
def test_the_page_of_a_sweep_can_be_read_by_all(browser: Any, study_page: Path) -> None:
    with opened(browser, study_page, width=360, height=740) as tab:
        tab.evaluate(OPEN_ALL)
        assert too_wide(tab) == []
        assert violations(tab) == []
        tab.emulate_media(color_scheme="dark")
        assert violations(tab, rule="color-contrast") == []
        tab.locator("svg.figure").first.focus()
        tab.keyboard.press("End")
        assert re.fullmatch(r"trial \d, .*: 0\.\d{4} at epoch \d+", tab.locator(".bubble").inner_text())


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three predicted films, the first one explained."""
    poster = base64.b64encode(photo(0)).decode()
    words = [["A", 0.0], ["haunted", 1.2], ["wedding", -0.9]]
    why = {"genre": "Drama", "words": words, "poster_share": 0.5, "heat_jpeg": poster}
    shown = [
        film("a", poster_jpeg=poster, overview="A haunted wedding", why=why), film("b", overview="x" * 300), film("c")
    ]  # fmt: skip
    page = tmp_path_factory.mktemp("predicted") / "predictions.html"
    page.write_text(prediction_page(prediction(shown=shown)), "utf-8")
    return page


@pytest.mark.slow
def test_the_page_of_a_prediction_can_be_read_by_all(browser: Any, predicted: Path) -> None:
    with opened(browser, predicted, width=320, height=740) as tab:
        assert too_wide(tab) == []
        assert violations(tab) == []
        tab.emulate_media(color_scheme="dark")
        assert violations(tab, rule="color-contrast") == []
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the films"
        tab.locator("#search").fill("haunted")
        assert tab.locator("article:visible").count() == 1 and tab.locator("#matches").inner_text() == "1 of 3 films"


@pytest.mark.slow
def test_the_page_of_a_prediction_reads_without_scripts(browser: Any, predicted: Path) -> None:
    with opened(browser, predicted, java_script_enabled=False) as tab:
        assert tab.locator("article:visible").count() == 3 and not tab.locator("form").is_visible()
        looks = tab.locator("article mark").evaluate_all("(all) => all.map((one) => one.textContent)")
        assert looks == ["haunted", "wedding"]
