"""A headless Chromium for tests of pages, and what they ask of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
OPEN_ALL = "document.querySelectorAll('details').forEach((part) => { part.removeAttribute('name'); part.open = true; })"


@contextmanager
def headless() -> Iterator[Any]:
    """Start a browser, or skip the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install .[dev]")
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser to look at pages with: none of {', '.join(NAMES)} is installed")
    # Its processes may end after it is closed, and then leave files: they go with a folder of its own.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], env={**os.environ, "TMPDIR": folder}
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, page: Path, *, width: int = 1280, height: int = 800, **context: Any) -> Iterator[Any]:
    """Open a page; an error on its console or a request for anything outside its folder fails the test."""
    with browser.new_context(viewport={"width": width, "height": height}, **context) as of_page:
        tab, wrong = of_page.new_page(), []
        tab.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        inside = (page.parent.as_uri(), "data:")
        tab.on("request", lambda asked: None if asked.url.startswith(inside) else wrong.append(asked.url))
        tab.goto(page.as_uri())
        yield tab
        assert wrong == []


def violations(tab: Any, within: str = "body", rule: str = "") -> list[str]:
    """Return what axe finds against WCAG 2.2 AA, or one of its rules, each with the elements."""
    from axe_playwright_python.sync_playwright import Axe

    only = {"type": "rule", "values": [rule]} if rule else list(WCAG)
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = Axe().run(tab, context=within, options=options).response["violations"]
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]


def too_wide(tab: Any) -> list[str]:
    """Return the elements that reach out of the window, unless they are in a part that scrolls."""
    return tab.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, nav"))
        .map((one) => one.outerHTML.slice(0, 120))"""
    )
