"""Pages in a real browser: first screen, keyboard, screen readers, phone, paper, without scripts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genre_models.report.comparison.page import write_report
from genre_models.report.explore import films as explore
from tests.genre_models.report.browser import OPEN_ALL, opened, too_wide, violations
from tests.genre_models.report.example import ALL, JUDGED
from tests.genre_models.report.example_films import comparison_with_films, photo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(comparison_with_films(24, models=ALL), tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a few of everything: axe looks at each cell of each table and each mark of each chart."""
    comparison = comparison_with_films(6, models=["cnn", "lstm", "ensemble", "prior"], example_films=4)
    genres = comparison["genres"] = comparison["genres"][:6]
    for model in comparison["models"].values():
        del model["history"][4:]
    for model in comparison["genre_details"]["models"].values():
        for genre in [*model][2:]:
            del model[genre]
    for film in comparison["all_films"]:
        film["genres"] = [genre for genre in film["genres"] if genre in genres]
        film["suspects"] = [{"genre": genres[0], "kind": "missing"}]
        film["probabilities"] = {key: values[:6] for key, values in film["probabilities"].items()}
    return write_report(comparison, tmp_path_factory.mktemp("small"))


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    with opened(browser, page) as shown:
        yield shown


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_the_first_screen_has_the_answer_a_chart_and_two_films(
    browser: Any, page: Path, width: int, height: int
) -> None:
    with opened(browser, page, width=width, height=height) as tab:
        for what in (".banner", "h1", ".sure", ".opening svg", ".proof >> nth=0", ".proof >> nth=1"):
            box = tab.locator(what).bounding_box()
            assert box and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, what
        assert smallest_letters(tab, ".opening svg text") >= 9


def smallest_letters(tab: Any, within: str) -> float:
    """The size in pixels of the smallest letters of charts, as shown."""
    return tab.locator(within).evaluate_all(
        "(all) => Math.min(...all.map((one) => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a))"
    )


def test_nothing_stands_against_the_accessibility_guidelines(browser: Any, small_page: Path) -> None:
    with opened(browser, small_page, color_scheme="light") as tab:
        tab.evaluate(OPEN_ALL)
        assert violations(tab) == []
        tab.locator(".tiles button").first.click()
        assert violations(tab, "dialog") == []


def test_dark_colours_can_be_read(browser: Any, small_page: Path) -> None:
    """Light and dark differ in colours alone."""
    with opened(browser, small_page, color_scheme="dark") as tab:
        tab.evaluate(OPEN_ALL)
        assert violations(tab, rule="color-contrast") == []
        tab.locator(".tiles button").first.click()
        assert violations(tab, "dialog", rule="color-contrast") == []


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_is_wider_than_a_phone(browser: Any, page: Path, width: int) -> None:
    with opened(browser, page, width=width, height=740) as tab:
        tab.evaluate(OPEN_ALL)
        assert too_wide(tab) == [] and smallest_letters(tab, "svg.figure text") >= 9
        tab.locator(".tiles button").first.click()
        assert too_wide(tab) == []


def test_the_table_of_genres_shows_all_models_on_a_desktop(tab: Any) -> None:
    tab.evaluate(OPEN_ALL)
    boxes = tab.locator(".scroll:has(> table.wide), .scroll:has(> table.winners)")
    assert boxes.count() == 2
    assert boxes.evaluate_all("(all) => all.map((one) => one.scrollWidth - one.clientWidth)") == [0, 0]


def test_a_table_is_sorted_by_keyboard(tab: Any) -> None:
    button = tab.get_by_role("button", name="Sort by see its films")
    button.focus()
    films = "(all) => all.map((one) => Number(one.lastElementChild.dataset.value))"
    for order in (lambda values: sorted(values, reverse=True), sorted):
        tab.keyboard.press("Enter")
        values = tab.locator(".winners tbody tr").evaluate_all(films)
        assert values == order(values)
    assert tab.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    tables = tab.locator("table").evaluate_all(
        "(all) => all.map((table) => [...table.querySelectorAll('button.sort')].map((one) => one.ariaLabel))"
    )
    assert any(tables) and all(len(set(names)) == len(names) for names in tables)  # each column has a name of its own
    assert tab.locator("th").evaluate_all("(all) => all.filter((one) => !one.textContent.trim()).length") == 0


def test_films_are_found_filtered_and_opened_by_keyboard(tab: Any) -> None:
    tab.locator("nav a", has_text="Films").focus()
    tab.keyboard.press("Enter")
    tab.locator("#words").focus()
    tab.keyboard.type("gallow street")
    shown = tab.locator(".tiles li:not([hidden])")
    assert shown.count() == 2 and tab.locator("#matches").inner_text() == "2 of 24 films"
    tab.locator("#words").fill("")
    tab.locator("#outcome").select_option("wrong")
    wrong = shown.count()
    tab.locator("#outcome").select_option("right")
    assert 0 < wrong + shown.count() <= 24 and shown.count() > 0
    tab.locator("#outcome").select_option("")
    tab.locator("#order").select_option("id")
    assert tab.locator(".tiles .id").first.inner_text() == "film000"
    tab.locator(".tiles button").first.focus()
    tab.keyboard.press("Enter")
    dialog = tab.locator("dialog[open]")
    assert dialog.locator("h3").inner_text() == "film000"
    assert dialog.locator("thead th").count() == 1 + len(ALL)
    tab.keyboard.press("ArrowRight")
    assert dialog.locator("h3").inner_text() == "film001"
    tab.keyboard.press("Escape")
    assert tab.locator("dialog[open]").count() == 0
    assert tab.evaluate("document.activeElement.closest('li').dataset.film") == tab.locator(
        ".tiles li"
    ).first.get_attribute("data-film")


def test_a_film_of_the_first_screen_opens(browser: Any, page: Path) -> None:
    """All films are folded then, and the dialog shows all the same."""
    with opened(browser, page) as tab:
        button = tab.locator(".proof .open:visible").first
        button.focus()
        tab.keyboard.press("Enter")
        assert tab.locator("dialog h3").is_visible() and not tab.locator(".tiles").is_visible()
        tab.keyboard.press("Escape")
        assert button.evaluate("(one) => one === document.activeElement")


def test_a_film_shows_why_where_that_is_known(tab: Any) -> None:
    tab.locator("nav a", has_text="Films").click()
    tab.locator(".tiles button").first.click()
    why = tab.locator("dialog .why")
    assert "Why Drama, by Poster CNN (70 %) 25 % of it from the poster" in " ".join(why.inner_text().split())
    assert why.locator(".marked").inner_text().split() == ["four", "hundred", "kilos", "icing"]
    assert why.locator("mark").all_inner_texts() == ["hundred", "icing"]  # the others hardly count
    looks = why.locator("mark").evaluate_all(
        "(all) => all.map((one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).textDecorationStyle])"
    )
    assert looks[0][0] != looks[1][0] and [line for _, line in looks] == ["dotted", "solid"]  # not by colour alone
    assert tab.locator("dialog canvas").evaluate("(one) => [one.width, one.height]") == [2, 2]
    tab.keyboard.press("Tab")
    why.get_by_role("button", name="TF-IDF").focus()
    tab.keyboard.press("Enter")
    assert why.locator("h4").inner_text().startswith("Why Drama, by TF-IDF")
    assert why.locator("mark").all_inner_texts() == ["icing", "hundred"]
    assert tab.locator("dialog canvas").count() == 0  # it sees no poster


def test_a_genre_leads_to_a_film_that_shows_why(tab: Any) -> None:
    link = tab.locator(".winners [data-open]")
    link.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("dialog h3").inner_text() == link.inner_text()
    best = tab.locator(".winners tr:has([data-open]) .model").text_content()
    assert tab.locator("dialog thead th").nth(1).text_content().split() == best.split()  # its column is the first
    tab.keyboard.press("Escape")
    assert link.evaluate("(one) => one === document.activeElement")


def test_the_films_of_a_genre_are_a_link_away(tab: Any) -> None:
    tab.locator(".winners tr", has_text="Comedy").get_by_role("link", name=re.compile("films?$")).click()
    assert tab.locator("#genre").input_value() == "Comedy"
    genres = tab.locator(".tiles li:not([hidden]) .of").all_inner_texts()
    assert genres and all("Comedy" in one for one in genres)


def test_the_slider_says_what_a_threshold_gains_and_loses(tab: Any) -> None:
    tab.locator(".winners a", has_text="Drama").click()
    form = tab.locator("form.slider[data-genre='Drama']")
    said = form.locator("output")
    assert "As many as at 0.30, the threshold in use." in said.inner_text()
    form.locator("input").focus()
    tab.keyboard.press("Home")
    drama = list(JUDGED).index("Drama")
    films = comparison_with_films(24, models=ALL)["all_films"]
    named = [film for film in films if film["probabilities"]["ensemble"][drama] >= 0.01]
    right = sum("Drama" in film["genres"] for film in named)
    assert said.inner_text().startswith(f"From 0.01 on: {len(named)} films named, {right} right.")
    assert "gained" in said.inner_text()
    tab.keyboard.press("End")
    assert "lost" in said.inner_text()


def test_terms_charts_and_models_by_keyboard(tab: Any) -> None:
    term = tab.locator("#genres .term").first
    term.focus()
    tab.keyboard.press("Enter")
    assert tab.locator(".meaning:popover-open").count() == 1
    tab.keyboard.press("Escape")
    assert tab.locator(".meaning:popover-open").count() == 0
    tab.locator(".opening svg").focus()
    tab.keyboard.press("ArrowRight")
    assert re.fullmatch(r"Ensemble: \d+ of 100, between \d+ to \d+", tab.locator(".bubble").inner_text())
    tab.get_by_role("button", name="Models").click()
    tab.get_by_role("checkbox", name="TF-IDF").uncheck()
    assert tab.locator("[data-model='tfidf']:visible").count() == 0
    assert tab.locator("[data-model='cnn']:visible").count() > 0


def test_terms_and_charts_by_touch(browser: Any, page: Path) -> None:
    """A tap opens a term's meaning and a mark's value, and a tap beside it closes it again."""
    with opened(browser, page, width=360, height=740, has_touch=True, is_mobile=True) as tab:
        term = tab.locator(".term:visible").first
        term.tap()
        meaning = tab.locator(".meaning:popover-open")
        assert meaning.count() == 1 and len(meaning.inner_text()) > 20
        box = meaning.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360
        tab.locator("h1").tap(position={"x": 2, "y": 2})
        assert meaning.count() == 0
        tab.locator(".opening svg .value").first.tap()
        assert re.fullmatch(r".+: \d+ of 100, between \d+ to \d+", tab.locator(".bubble").inner_text())
        tab.locator(".opening svg").tap(position={"x": 2, "y": 2})
        assert tab.locator(".bubble").inner_text() == ""


def test_the_skip_link_comes_first(tab: Any) -> None:
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the answer"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "answer"


def test_a_link_into_a_folded_part_opens_it(browser: Any, page: Path) -> None:
    with opened(browser, page) as tab:
        tab.goto(f"{page.as_uri()}#cards")
        assert tab.locator("#cards").is_visible() and not tab.locator("#between").is_visible()


def test_paper_shows_bars_and_what_is_folded(browser: Any, small_page: Path) -> None:
    with opened(browser, small_page) as tab:
        tab.emulate_media(media="print")
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        shown = tab.locator("body").inner_text()
        assert "Model cards and data card" in shown and not re.search(r'[{}]|"[a-z_]+":', shown)  # no JSON, no code
        assert tab.locator("#cards").evaluate("(one) => one.checkVisibility({contentVisibilityAuto: true})")
        printed = tab.pdf(format="A4", print_background=False)
    drawn = b"".join(_inflated(stream) for stream in re.findall(rb"stream\r?\n(.*?)endstream", printed, re.DOTALL))
    hit = [int("0b7a4b"[at : at + 2], 16) / 255 for at in (0, 2, 4)]  # the bars of right guesses
    colours = {tuple(map(float, one.split()[:3])) for one in re.findall(rb"(?:[\d.]+ ){3}rg", drawn)}
    assert any(all(abs(a - b) < 0.01 for a, b in zip(colour, hit, strict=True)) for colour in colours)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_it_reads_without_scripts(browser: Any, page: Path) -> None:
    with opened(browser, page, java_script_enabled=False) as tab:
        assert tab.locator("h1").inner_text().startswith("Allowed three guesses a film, the best model, Ensemble,")
        assert tab.locator(".opening svg").is_visible() and tab.locator(".winners tbody tr").count() == 23
        tab.locator("summary", has_text="All films").click()
        assert tab.locator(".tiles li").first.is_visible() and not tab.locator(".filters").is_visible()


def test_posters_beside_the_page_are_loaded_when_they_are_seen(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore, "MOST_INSIDE", 10)
    with opened(browser, write_report(comparison_with_films(12, ["cnn", "prior"]), tmp_path)) as tab:
        tab.locator("summary", has_text="All films").click()
        image = tab.locator(".tiles img").first
        assert (image.get_attribute("src") or "").startswith("posters/") and image.get_attribute("loading") == "lazy"
        image.evaluate("(one) => one.decode()")
        assert image.evaluate("(one) => one.naturalWidth") == 8


def test_a_thousand_films_with_posters_stay_below_8_mb(tmp_path: Path) -> None:
    comparison = comparison_with_films(1000, ALL, poster=photo(0))
    for film in comparison["all_films"]:
        film["overview"] = (film["overview"] * 9)[:600]
    assert write_report(comparison, tmp_path).stat().st_size < 8_000_000
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 1 + 1000 * (1 + len(ALL))
