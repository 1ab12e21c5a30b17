"""The page in a real browser: by mouse and keyboard, on a phone, light and dark, and asking nobody but its service."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from genre_models.explain.explanation import Explanation
from genre_models.predictors.model import Model
from ray_jobs.serving.app import build_app
from ray_jobs.serving.service import Service
from ray_jobs.serving.service_metrics import ServiceMetrics
from ray_jobs.serving.settings import ServingOptions
from tests.genre_models.report.browser import too_wide, violations
from tests.ray_jobs.serving.fake_models import picture, side_by_side

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)> & detective"


def explain(model: Model, posters: Any, overviews: Any, *, genres: list[str], **_: Any) -> list[list[Explanation]]:
    """Explain each genre by the upper half of the poster and by each word; a member by its first word alone."""
    del model
    heat = np.array([[1, 1], [0, 0]], np.float32) if posters[0] else None
    words = [(word, 1.0 - place) for place, word in enumerate((overviews[0] or "").split())]
    member = {"lstm": Explanation("", 0.5, None, words[:1])}
    return [[Explanation(genre, 0.5, heat, words, 0.75 if posters[0] else None, member) for genre in genres]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve models that need no computing, in a thread."""
    service = Service(side_by_side(), ServingOptions(model=("m",), max_body_mb=0.2), ServiceMetrics())
    with socket.socket() as listening, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "explain", explain)
        listening.bind(("127.0.0.1", 0))
        # Its default protocols warn of their own deprecations.
        server = uvicorn.Server(uvicorn.Config(build_app(service), log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)


@contextlib.contextmanager
def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Open the page; fail if it logs an error, or asks another server for anything."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if not ours(request.url, url) else None)
    page.set_default_timeout(15_000)
    page.goto(url)
    yield page
    context.close()
    assert problems == []


def ours(asked: str, url: str) -> bool:
    return asked.startswith((f"{url}/", "blob:", "data:"))


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    """Return a file with a white poster, whose brightness makes Comedy certain."""
    path = tmp_path / "poster.png"
    path.write_bytes(picture("PNG", (60, 90)))
    return path


def cells_of(page: Any, genre: str) -> list[str]:
    """Return the texts of a genre's cells, one for each model."""
    row = page.locator("#genres > li").filter(has=page.locator("h3", has_text=genre))
    return [" ".join(text.split()) for text in row.locator(".cells > li").all_inner_texts()]


def test_models_answer_side_by_side_and_say_why(browser: Any, url: str, poster: Path) -> None:
    with opened(browser, url, viewport={"width": 1280, "height": 800}) as page:
        page.set_input_files("#poster", poster)
        page.fill("#overview", HOSTILE)
        page.click("#send")
        page.wait_for_selector("#genres > li")
        # Fakes: 0.1 for Action, brightness for Comedy, the overview's length by 100 for Drama.
        assert page.inner_text("#verdict") == "Comedy"
        assert page.locator("#genres h3").all_inner_texts() == ["Comedy", "Drama", "Action"]
        comedy, drama = cells_of(page, "Comedy"), cells_of(page, "Drama")
        assert [text.split()[-4:] for text in comedy[:2]] == [["100", "%", "✓", "chosen"]] * 2
        assert len(HOSTILE) == 40 and [text.split()[-2:] for text in drama] == [["40", "%"], ["0", "%"], ["40", "%"]]
        # The answering model is first, and bars are as long as probabilities.
        assert "Joint model" in comedy[0] and "Overview LSTM" in comedy[2]
        bar = page.locator("#genres > li").nth(1).locator(".bar").first.bounding_box()
        filled = page.locator("#genres > li").nth(1).locator(".bar > span").first
        page.wait_for_function("element => element.getAnimations().length === 0", arg=filled.element_handle())
        assert filled.bounding_box()["width"] / bar["width"] == pytest.approx(0.40, abs=0.01)

        page.click("#explain")
        page.wait_for_selector("#reasons canvas")
        assert page.locator("#which-genre button").all_inner_texts() == [
            "Comedy 50\xa0%",
            "Drama 50\xa0%",
            "Action 50\xa0%",
        ]
        assert "Poster 75\xa0%, overview 25\xa0%" in page.inner_text("#reasons")
        # The heat is opaque above and clear below.
        shown = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 1, 2).data].filter((_, i) => i % 4 === 3)"
        assert page.locator("#reasons canvas").evaluate(shown) == [191, 0]
        assert page.locator("#reasons mark").first.inner_text() == "<img"  # a text, no element
        page.get_by_role("button", name="Overview LSTM").click()
        assert page.locator("#reasons canvas").count() == 0 and page.locator("#reasons mark").count() == 1


def test_it_works_by_keyboard_alone(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "poster"
        assert page.evaluate("getComputedStyle(document.getElementById('drop')).outlineStyle") == "solid"
        page.keyboard.press("Tab")
        page.keyboard.type("A detective hunts a killer.")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#genres > li")
        assert "no poster" in " ".join(cells_of(page, "Drama"))
        page.locator("#explain").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#reasons .marked")
        page.locator("#which-genre button").nth(1).focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        assert page.evaluate("document.activeElement.textContent").startswith("Action")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Any, url: str, poster: Path, scheme: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    with opened(browser, url, **phone) as page:
        page.set_input_files("#poster", poster)
        page.fill("#overview", "A detective hunts a killer.")
        page.tap("#send")
        page.wait_for_selector("#genres > li")
        page.tap("#explain")
        page.wait_for_selector("#reasons > *")
        assert too_wide(page) == []
        assert "Poster CNN" in cells_of(page, "Comedy")[1]  # each bar names its model
        colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
        ink, paper = (int(colour.removeprefix("rgb(").split(",")[0]) for colour in colours)
        page.wait_for_function("document.getAnimations().length === 0")
        assert violations(page) == []
        assert (ink < 60, paper > 240) == ((True, True) if scheme == "light" else (False, False))


def test_a_dropped_poster_and_mistakes(browser: Any, url: str) -> None:
    drop = """([bytes, name, type]) => {
        const transfer = new DataTransfer();  // bytes, or only their number
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
        document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    with opened(browser, url) as page:
        page.click("#send")
        assert page.inner_text("#problem") == "Give a poster, an overview or both."
        page.evaluate(drop, [3, "film.pdf", "application/pdf"])
        assert page.inner_text("#problem") == "What was dropped is no picture."
        page.evaluate(drop, [200_001, "large.png", "image/png"])
        assert "at most 0.2 MB" in page.inner_text("#problem")
        page.evaluate(drop, [list(picture("PNG")), "poster.png", "image/png"])
        assert page.locator("#preview").is_visible() and page.locator("#problem").is_hidden()
        page.click("#send")
        page.wait_for_selector("#genres > li")
        page.click("#remove")
        assert page.locator("#preview").is_hidden() and page.evaluate("document.activeElement.id") == "poster"


def test_what_the_service_refuses_is_said(browser: Any, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.set_input_files("#poster", {"name": "poster.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    page.click("#send")
    page.wait_for_selector("#problem:visible")
    assert page.inner_text("#problem").startswith("poster not a picture")
    assert page.locator("#send").is_enabled()
    context.close()
