"""Takes the README's screenshots of the dashboard, in Chromium."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "analyze/public/index.html"
IMAGES = CHECKOUT / "docs/images"
VIEWS = {"movies": "light", "pipeline": "dark"}
SIZE = {"width": 1200, "height": 860}


def main() -> None:
    """Write one image for each view."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        sys.exit("There is no Chromium: install it, or set CHROMIUM to the path of its program")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for view, scheme in VIEWS.items():
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{PAGE.as_uri()}#{view}")
            page.wait_for_selector("html[data-ready]")
            page.screenshot(path=IMAGES / f"dashboard-{view}.png")
        browser.close()


if __name__ == "__main__":
    main()
