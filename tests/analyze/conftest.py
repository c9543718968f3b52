"""The page of a warehouse, and a browser to read it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.testing import HOSTILE_CATALOGUE
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.conftest import run_program
from tests.transform.conftest import Warehouse, _built, built, newest, shared, warehouse

__all__ = ["_built", "built", "newest", "shared", "warehouse"]

OpenPage = Callable[..., Page]

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PIXEL = base64.b64decode("R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
READY = "html[data-ready]"
LATER = datetime(2026, 1, 3, tzinfo=timezone.utc)
POSTER = "https://m.media-amazon.com/images/M/poster.jpg"
MOVED = {"tt0816692": "8.1", "tt0111161": "9.4"}
MADE_UP: dict[str, dict[str, Any]] = {
    "tt9300000": {
        "Title": "Adapted",
        "Director": "Dora Director",
        "Writer": "Ann Author (novel), Bob Body (screenplay), Cid Coda (screenplay)",
        "Released": "01 Jan 2001",
    },
    "tt9300001": {"Title": "Another", "Director": "Dora Director", "Actors": "Ann Author"},
    "tt9300002": {"Title": "A Game", "Type": "game", "imdbRating": "8.1", "imdbVotes": "5"},
    "tt9300010": {
        "Title": "A Series",
        "Type": "series",
        "totalSeasons": "3",
        "Year": "2001\N{EN DASH}2003",
    },
    **{
        f"tt93001{season}{episode}": {
            "Title": f"Part {episode}",
            "Type": "episode",
            "seriesID": "tt9300010",
            "Season": season,
            "Episode": episode,
            "imdbRating": rating,
        }
        for season, episode, rating in [
            *(("1", "1", "8.0"), ("1", "2", "9.1"), ("1", "3", "N/A")),
            *(("2", "1", "5.9"), ("2", "2", "7.0")),
        ]
    },
}


def build(source: Warehouse, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the page of a warehouse in a folder."""
    return run_program(
        *(Path(sys.executable).with_name("omdb-dashboard"), "build", "--schema", "demo"),
        *("--output", folder / "index.html", "--cache-dir", folder.parent / "dashboard-cache"),
        env={**os.environ, **source.server.environment},
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
def open_page(browser: Browser) -> Iterator[OpenPage]:
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


def _titles(path: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["imdbID"]: line for line in lines if line.get("Title") and "Emulator" not in line}


def _most_voted(titles: dict[str, dict[str, Any]], number: int) -> dict[str, dict[str, Any]]:
    def votes(imdb_id: str) -> int:
        return int(re.sub(r"\D", "", titles[imdb_id].get("imdbVotes", "")) or 0)

    return {imdb_id: titles[imdb_id] for imdb_id in sorted(titles, key=votes)[-number:]}


def _other_rows() -> dict[str, list[dict[str, Any]]]:
    now = datetime.now(timezone.utc)
    earlier, later = (now - timedelta(seconds=1)).isoformat(), now.isoformat()
    sync = {
        "started_at": earlier,
        "ended_at": earlier,
        "records": {"movies": 5},
        "pending_titles": 1234,
        "pending_searches": 3,
        "known_titles": 2,
    }
    complete = {"sync_id": "0", "outcome": "complete", "requests": 100, "requests_left_today": 700}
    failed = {"sync_id": "1", "outcome": "failed", "requests": 101, "requests_left_today": 699}
    failed |= {"message": "<b>Message</b>", "ended_at": later}
    rejects: list[dict[str, Any]] = [
        {"reject_id": "1", "imdb_id": "tt1", "message": "<i>No</i>"},
        {"reject_id": "2", "request": "t=x", "message": "Movie not found!"},
    ]
    searches: list[dict[str, Any]] = [
        {"search_term": "a", "total_results": 80, "hits": 60, "is_complete": False},
        {"search_term": "b", "total_results": 20, "hits": 20, "is_complete": True},
    ]
    for search in searches:
        search |= {"search_id": f"{search['search_term']}|2013|movie", "year": 2013}
        search |= {"kind": "movie"}
    entries: list[dict[str, Any]] = [
        {"imdb_id": "tt0816692", "columns": {"Your Rating": "8"}},
        {"imdb_id": "tt0111161", "columns": {"Your Rating": "6"}},
        {"imdb_id": "tt1375666", "columns": {"Your Rating": "9.5"}},
        {"title": "Inception", "lookup_id": "inception||"},
        {"title": "Interstellar", "year": 1990, "lookup_id": "interstellar|1990|"},
        {"title": "Unknown", "year": 1990, "lookup_id": "unknown|1990|"},
        {"reason": "no title"},
    ]
    for position, entry in enumerate(entries, start=1):
        entry |= {"list": "<i>mine</i>.csv", "position": position, "line": position + 1}
        entry |= {"read_at": earlier}
    lookups: list[dict[str, Any]] = [
        {"lookup_id": "inception||", "outcome": "found", "imdb_id": "tt1375666"},
        {"lookup_id": "interstellar|1990|", "outcome": "year_mismatch"},
    ]
    lookups[0] |= {"matched_by": "title", "looked_up_at": earlier}
    lookups[1] |= {"message": "OMDb has it of 2014 (tt0816692)", "looked_up_at": earlier}
    return {
        "list_entries": entries,
        "lookups": lookups,
        "syncs": [sync | complete, sync | failed],
        "rejects": [reject | {"reason": "not_found"} for reject in rejects],
        "searches": searches,
    }


@pytest.fixture(scope="session")
def _page(newest: Warehouse, shared: Path) -> str:
    """The address of the page of a warehouse that is kept as `page`."""

    def make() -> None:
        titles = {**_most_voted(_titles(CATALOGUE), 250), **_titles(HOSTILE_CATALOGUE), **MADE_UP}
        newest.load(titles)
        newest.load_messages(
            message
            for stream, rows in _other_rows().items()
            for message in (
                newest.schema_message(stream),
                *(newest.record_message(stream, row) for row in rows),
            )
        )
        newest.build()
        moved = {i: {**titles[i], "imdbRating": rating} for i, rating in MOVED.items()}
        newest.load({i: {**title, "Poster": POSTER} for i, title in moved.items()}, at=LATER)
        newest.build()
        page_of(newest, shared / "page")

    newest.keep("page", shared, make)
    return (shared / "page/index.html").as_uri()


@pytest.fixture(scope="module")
def source(newest: Warehouse, _page: str) -> Warehouse:
    """A warehouse with the emulator's titles, hostile ones among them, after two syncs."""
    newest.reset("page")
    return newest


@pytest.fixture(scope="module")
def url(source: Warehouse, _page: str) -> str:  # noqa: ARG001  # the page is of the source
    """The address of the page."""
    return _page


def cells(table: Locator) -> list[list[str]]:
    """Texts of the cells of a table's body, by row."""
    script = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    rows: list[list[str]] = table.locator("tbody tr").evaluate_all(script)
    return rows


def number(text: str) -> float:
    """A number as the page shows it."""
    return float(re.sub(r"[^\d.\-]", "", text.replace("\N{MINUS SIGN}", "-")))


def chart_table(page: Page, name: str) -> list[list[str]]:
    """Rows of the table below a chart, which is opened."""
    chart = page.locator(f"#chart-{name}")
    if chart.locator("details").get_attribute("open") is None:
        chart.locator("summary").click()
    chart.locator("tbody tr").first.wait_for()
    return cells(chart.locator("table"))
