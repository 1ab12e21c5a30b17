"""Take the README's picture of a comparison's page.

    make picture    # of the page that `make demo` made

Writes comparison.jpg and look.txt, which says of which templates the page was made: tests/docs/test_docs.py fails when
they have changed since, and this command refuses a page that is older than they are.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from genre_models.report.style.render import look_of_comparison

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1280, 800
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main(page: Path) -> None:
    """Write the picture of the first screen of a page."""
    look = re.search(r'<meta name="look" content="(\w+)">', page.read_text("utf-8"))
    if look is None or look.group(1) != look_of_comparison():
        sys.exit(f"{page} was made of older templates: run `make demo` again, or evaluate.py on the demo's films.")
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        sys.exit(f"No browser to take the picture with: install one of {', '.join(CHROMIUM)}.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=HERE / "comparison.jpg", type="jpeg", quality=85)
        browser.close()
    (HERE / "look.txt").write_text(look.group(1) + "\n", "utf-8")
    print(f"Wrote {HERE / 'comparison.jpg'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).expanduser())
