"""`tap-omdb-backfill`: what a backfill in parallel runs of the tap needs to know of its state.

Each run searches one of the years and has a state of its own: `plan` divides what is left of the
day's requests among them, `seed` makes the state that each begins with, and `pending` says what is
left to do once their states are merged. The state is Singer's, on stdin.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing, nullcontext
from functools import reduce
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError

from tap_omdb.config.files import read_config, read_state
from tap_omdb.config.settings import Refresh, Settings
from tap_omdb.state import StateError
from tap_omdb.state.budget import Budget
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.state.sync_state import BOOKMARK, SyncState
from tap_omdb.state.sync_state import seed as seed_sync_state
from tap_omdb.tap import TapOMDb

_RUN = "backfill"  # it never counts a request, so no state has it


class SettingsError(click.ClickException):
    """A setting is invalid, so that another try would fail again."""

    exit_code = 2


def plan(settings: Settings, state: Mapping[str, Any]) -> list[dict[str, str]]:
    """Divide the requests that are left among the years.

    Args:
        settings: Of all runs together: `years`, and `max_requests` as the limit of all.
        state: The state that has today's requests, as Singer has it.

    Returns:
        Variables for each run, in the order of the years. A year whose share is nothing is left
        out: it is for the next backfill.

    Raises:
        StateError: The state or the file in `cache_dir` cannot be used.
    """
    known = _read(state, settings.refresh)
    with closing(CacheFile(settings.cache_dir)) if settings.cache_dir else nullcontext() as file:
        left = Budget(settings, known.requests, _RUN, file).left
    years = sorted(settings.years)
    return [
        {"TAP_OMDB_YEARS": str(year), "TAP_OMDB_MAX_REQUESTS": str(share)}
        for year, share in zip(years, split_evenly(left, len(years)), strict=True)
        if share
    ]


def split_evenly(total: int, parts: int) -> list[int]:
    """Split a number into parts that differ by 1 at most; the larger ones come first."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def seed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that a run begins with: what is known, and no work of others."""
    known = seed_sync_state(_sync_state(state))
    return {"bookmarks": {BOOKMARK: known}} if known else {}


def describe_pending(state: Mapping[str, Any]) -> str:
    """Return what a state lists as found and not fetched, or as read in part, in one line.

    Raises:
        StateError: The state cannot be read.
    """
    known = _read(state, Refresh())
    titles = len(known.titles.pending) + len(known.seasons.pending)
    searches = len(known.searches.in_progress)
    if not titles and not searches:
        return "Nothing is pending."
    return (
        f"{titles:,} titles and seasons and {searches:,} unfinished searches are pending: another "
        "backfill of these years continues."
    )


def _read(state: Mapping[str, Any], refresh: Refresh) -> SyncState:
    return SyncState(refresh, _RUN, _sync_state(state))


def _sync_state(state: Mapping[str, Any]) -> dict[str, Any]:
    return state.get("bookmarks", {}).get(BOOKMARK) or {}


@click.group()
@click.version_option(package_name="tap-omdb")
def cli() -> None:
    """Run a backfill as several runs of tap-omdb, each with a state of its own."""


def _state() -> dict[str, Any]:
    state: dict[str, Any] = json.loads(read_state("-"))
    return state


@cli.command("plan")
@click.option("--config", "files", multiple=True, required=True, help="As of tap-omdb.")
def _plan(files: Iterable[str]) -> None:
    """Print the variables of each run as JSON; exit code 2 if a setting is invalid."""
    given: dict[str, Any] = reduce(lambda config, file: config | read_config(file), files, {})
    try:
        settings = TapOMDb(config=given).settings
    except ConfigValidationError as error:
        raise SettingsError("\n".join(error.errors)) from None
    if not settings.years:
        message = "years: none is given; give those to fetch, such as 2010-2015"
        raise SettingsError(message)
    try:
        click.echo(json.dumps(plan(settings, _state())))
    except StateError as error:
        raise click.ClickException(str(error)) from None


@cli.command("seed")
def _seed() -> None:
    """Print the state that a run begins with."""
    click.echo(json.dumps(seed(_state())))


@cli.command("pending")
def _pending() -> None:
    """Print what is left to do, in one line."""
    try:
        click.echo(describe_pending(_state()))
    except StateError as error:
        raise click.ClickException(str(error)) from None
