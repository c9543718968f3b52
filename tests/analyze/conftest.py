"""The page of a warehouse, and a browser to read it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from tests.transform.conftest import newest, warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.transform.conftest import Warehouse

__all__ = ["newest", "warehouse"]

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PIXEL = base64.b64decode("R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
READY = "html[data-ready]"


def build(source: Warehouse, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the page of a warehouse in a folder."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "omdb_dashboard", "build", "--schema", "demo"),
            *("--output", folder / "index.html", "--cache-dir", folder.parent / "dashboard-cache"),
        ],
        env={**os.environ, **source.server.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def page_of(source: Warehouse, folder: Path) -> str:
    """Build the page and return its URL."""
    finished = build(source, folder)
    assert finished.returncode == 0, finished.stderr
    return (folder / "index.html").as_uri()


def go_to(page: Page, view: str) -> None:
    """Change the fragment of the URL, and wait until the page has handled it."""
    page.evaluate(
        """view => new Promise((resolve) => {
            if (location.hash === `#${view}`) return resolve();
            addEventListener("hashchange", () => setTimeout(resolve, 0), { once: true });
            location.hash = `#${view}`;
        })""",
        view,
    )


# Not for the session: Playwright's event loop runs until it is closed, and other tests have theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium: that of the system, or the one that CHROMIUM names."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        message = "There is no Chromium: install it, or set CHROMIUM to the path of its program"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, as in containers.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page; afterwards, fails if it reported an error or requested anything else.

    `posters` is the only address that may be requested; an image is served for it.
    """
    problems: list[str] = []
    contexts = []

    def open_(url: str, posters: str = "", **options: Any) -> Page:  # noqa: ANN401
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if posters:
            page.route(posters, lambda route: route.fulfill(body=PIXEL, content_type="image/gif"))
        page.on("console", lambda message: problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url == posters or request.url.startswith(("file:", "data:"))
                else problems.append(f"request: {request.url}")
            ),
        )
        page.goto(url)
        page.wait_for_selector(READY, timeout=30_000)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []
