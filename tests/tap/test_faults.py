"""How the tap handles faults of OMDb, Cloudflare and the network, and that the key stays secret.

The emulator injects the faults, over real sockets. Every run logs at all levels, in both of the
SDK's formats, and everything that it prints or writes is searched for the key.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from omdb_emulator.testing import Emulator
from tap_omdb import redaction
from tap_omdb.circuit_breaker import CircuitBreaker
from tap_omdb.transport import parse_retry_after

from tests.tap.conftest import KEY, Command, Config, Run, Tap, memory_below

BEFORE, HIT, AFTER = IDS = ["tt1375666", "tt0816692", "tt0435761"]
SERIES = "tt0185906"
"""Band of Brothers, one season of ten episodes."""
EPISODE = "tt1245384"


@pytest.fixture
def config(omdb: Emulator, tmp_path: Path) -> Config:
    """Three ids, requested one by one, the second of which has the fault; nothing is retried."""
    return {
        "api_key": KEY,
        "api_url": omdb.url,
        "imdb_ids": IDS,
        "concurrency": 1,
        "timeout": 1,
        "max_retry_time": 0,
        "cache_dir": str(tmp_path / "cache"),
    }


@pytest.fixture
def series(config: Config) -> Config:
    """A series and its episodes."""
    return {**config, "imdb_ids": [SERIES], "types": ["series", "episode"]}


@pytest.fixture
def tap(sync: Tap, tmp_path: Path) -> Iterator[Tap]:
    """Run the tap, and search everything that it prints or writes for the key."""

    def run(*given: Mapping[str, Any], **options: Any) -> Run:  # noqa: ANN401
        done = sync(*given, **options)
        assert_no_key(done.stdout, done.log)
        return done

    yield run
    files = [path for path in tmp_path.glob("cache*/**/*") if path.is_file()]
    assert files
    assert_no_key(*(path.name for path in files))
    assert_no_key(*(path.read_bytes().decode("latin-1") for path in files))


def assert_no_key(*texts: str) -> None:
    for text in texts:
        found = text.find(KEY)
        assert found < 0, text[max(0, found - 200) : found + 20]


def spent(run: Run) -> int:
    """Return the requests of today according to the state."""
    [runs] = run.sync_state["requests"].values() or [{}]
    return sum(runs.values())


# Temporary faults

# Which status and body mean what is in test_responses.py.
TEMPORARY: dict[str, dict[str, Any]] = {
    "503 of IIS": {"effect": "unavailable"},
    "522 of Cloudflare": {"effect": "cloudflare", "status": 522},
    "no response": {"effect": "cut"},
    "reset": {"effect": "cut", "reset": True},
    "half a body": {"effect": "cut_body"},
    "half a body, reset": {"effect": "cut_body", "reset": True},
    "no body, reset": {"effect": "cut_body", "fraction": 0, "reset": True},
    "time-out": {"effect": "delay", "seconds": 1.5},
    "HTML with 200": {"effect": "html"},
}


@pytest.mark.parametrize("fault", TEMPORARY.values(), ids=list(TEMPORARY))
def test_a_temporary_fault_is_retried(fault: dict[str, Any], tap: Tap, omdb: Emulator) -> None:
    omdb.fault(match={"i": HIT}, times=1, **fault)
    run = tap({"max_retry_time": 10})
    assert run.exit_code == 0
    assert run.ids("movies") == IDS
    assert run.counts == {"movies": 3}
    assert omdb.stats()["requests"] == spent(run) == 4
    assert f"(i={HIT}&plot=short); retrying in 0." in run.log
    [outcome] = run.records("syncs")
    assert (outcome["outcome"], outcome["retries"], outcome["requests"]) == ("complete", 1, 4)


@pytest.mark.parametrize("fault", ["503 of IIS", "half a body", "time-out"])
def test_a_lasting_fault_is_one_reject_of_the_run(fault: str, tap: Tap, omdb: Emulator) -> None:
    omdb.fault(match={"i": HIT}, **TEMPORARY[fault])
    run = tap()
    assert run.exit_code == 0
    assert run.ids("movies") == [BEFORE, AFTER]
    [reject] = run.records("rejects")
    assert (reject["reject_id"], reject["imdb_id"]) == (f"i={HIT}", HIT)
    assert (reject["reason"], reject["source"]) == ("http_error", "imdb_ids")
    assert reject["request"] == f"i={HIT}&plot=short"
    assert reject["message"]
    assert omdb.stats()["requests"] == spent(run) == 3
    today = datetime.now(timezone.utc).date().isoformat()
    [(failed, runs)] = run.sync_state["failures"].items()
    assert failed == HIT
    assert [*runs.values()] == [{"day": today, "attempts": 1, "matched_by": "imdb_id"}]


@pytest.mark.parametrize("odd", ["soon", "-5", "Wed, 99 Foo 2026", "", None])
def test_an_odd_retry_after_is_ignored(odd: str | None) -> None:
    assert parse_retry_after(odd) == 0


def test_retries_count_against_the_budget(tap: Tap, omdb: Emulator) -> None:
    omdb.fault("unavailable", {"i": HIT})
    run = tap({"max_retry_time": 60, "max_requests": 3})
    assert run.exit_code == 0
    assert run.ids("movies") == [BEFORE]
    assert run.records("rejects") == []
    assert omdb.stats()["requests"] == spent(run) == 3
    assert "Ended early: max_requests (3) is exhausted" in run.log


def test_retry_after_may_be_a_date() -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=60)
    assert 58 < parse_retry_after(format_datetime(until, usegmt=True)) <= 60


def test_retry_after_applies_to_all_requests(tap: Tap, omdb: Emulator) -> None:
    ids = _movies(omdb, 12)
    omdb.fault("cloudflare", {"i": ids[3]}, status=429, times=1, retry_after=2)
    # At most one more is in flight when the 429 arrives.
    omdb.set_latency(20)
    run = tap({"imdb_ids": ids, "concurrency": 2, "max_retry_time": 30})
    assert sorted(_titles(run)) == sorted(ids)
    log = omdb.requests()
    limited = next(n for n, request in enumerate(log) if request["query"]["i"] == ids[3])
    later = [request["at"] - log[limited]["at"] for request in log[limited + 1 :]]
    assert sum(seconds < 2 for seconds in later) <= 1


def test_a_retry_after_beyond_the_retry_budget_is_not_waited_for(tap: Tap, omdb: Emulator) -> None:
    omdb.fault("cloudflare", {"i": HIT}, status=429, retry_after=3600)
    run = tap({"max_retry_time": 3})
    assert run.ids("movies") == [BEFORE, AFTER]
    assert [reject["http_status"] for reject in run.records("rejects")] == [429]
    assert sum(log["query"]["i"] == HIT for log in omdb.requests()) == 1


def test_a_useless_response_is_requested_three_times_if_others_succeed(
    tap: Tap, omdb: Emulator
) -> None:
    ids = _movies(omdb, 30)
    omdb.fault("truncated", {"i": ids[4]})
    run = tap({"imdb_ids": ids, "concurrency": 4, "max_retry_time": 600})
    assert sorted(_titles(run)) == sorted({*ids} - {ids[4]})
    assert [reject["imdb_id"] for reject in run.records("rejects")] == [ids[4]]
    assert omdb.stats()["requests"] == spent(run) == 29 + 3


def test_a_request_with_many_retries_does_not_hold_up_others(
    tap: Tap, omdb: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_omdb.sync.executor._SLOW_SECONDS", 0.1)
    ids = _movies(omdb, 60)
    omdb.fault("unavailable", {"i": ids[4]}, times=3)
    omdb.fault("unavailable", {"i": ids[9]})
    run = tap({"imdb_ids": ids, "concurrency": 3, "max_retry_time": 4})
    assert sorted(_titles(run)) == sorted({*ids} - {ids[9]})
    assert [reject["imdb_id"] for reject in run.records("rejects")] == [ids[9]]
    order = [request["query"]["i"] for request in omdb.requests()]
    last_attempt = max(position for position, imdb_id in enumerate(order) if imdb_id == ids[9])
    assert {*ids} == {*order[: last_attempt + 1]}


# Errors of one title, which are not retried


def error(message: str) -> dict[str, Any]:
    """Return the fault that OMDb answers with an error text."""
    return {"effect": "error", "message": message}


def body(text: str) -> dict[str, Any]:
    """Return the fault that OMDb answers with other JSON, or what looks like it."""
    return {"effect": "response", "body": text}


BROKEN = body('{"Title":"Interstellar" : , "Nonsense"}')
FINAL: dict[str, tuple[dict[str, Any], str, int, int]] = {
    # the fault, the reason, the HTTP status, requests
    "the firewall's page": ({"effect": "cloudflare", "status": 403}, "http_error", 403, 3),
    "not found": (error("Movie not found!"), "not_found", 200, 3),
    "wrong id": (error("Incorrect IMDb ID."), "incorrect_id", 200, 3),
    "no data": (error("Error getting data."), "no_data", 200, 3),
    "an unknown text": (error("Gremlins!"), "http_error", 200, 3),
    "404": ({"effect": "html", "status": 404}, "http_error", 404, 3),
    # Requested once more, bypassing the cache.
    "JSON that cannot be repaired": (BROKEN, "broken_response", 200, 4),
    "another kind of response": (
        body('{"Search":[],"totalResults":"0","Response":"True"}'),
        *("invalid_record", 200, 3),
    ),
    "no id": (body('{"Title":"Interstellar","Response":"True"}'), "invalid_record", 200, 3),
}


@pytest.mark.parametrize(("fault", "reason", "status", "requests_made"), FINAL.values(), ids=FINAL)
def test_an_error_response_for_one_title_is_a_reject(
    fault: dict[str, Any],
    reason: str,
    status: int,
    requests_made: int,
    tap: Tap,
    omdb: Emulator,
) -> None:
    omdb.fault(match={"i": HIT}, **fault)
    run = tap({"max_retry_time": 60})
    assert run.exit_code == 0
    assert run.ids("movies") == [BEFORE, AFTER]
    [reject] = run.records("rejects")
    assert reject["reject_id"] == f"i={HIT}"
    assert (reject["reason"], reject["http_status"]) == (reason, status)
    assert reject["payload"]
    assert reject["message"]
    assert omdb.stats()["requests"] == spent(run) == requests_made
    again = tap(state=run.state)
    assert again.counts == {}
    assert omdb.stats()["requests"] == requests_made


def test_a_response_that_can_be_repaired_is_used_with_a_warning(tap: Tap, omdb: Emulator) -> None:
    omdb.fault("unescaped_quote", {"i": HIT})
    run = tap()
    assert run.ids("movies") == IDS
    assert run.records("movies")[1]["plot"].startswith('the "best" of ')
    assert f"The response to i={HIT}&plot=short was broken JSON and has been repaired" in run.log
    assert omdb.stats()["requests"] == spent(run) == 3


def test_a_broken_response_is_requested_again_bypassing_the_cache(tap: Tap, omdb: Emulator) -> None:
    omdb.fault(match={"i": HIT, "_": False}, **BROKEN)
    run = tap()
    assert run.ids("movies") == IDS
    assert omdb.stats()["requests"] == spent(run) == 4


# Key and quota

KEY_ERRORS = ["Invalid API key!", "No API key provided."]
LIMITS = ["Request limit reached!", "Daily request limit reached!"]


@pytest.mark.parametrize(("message", "concurrency"), [(KEY_ERRORS[0], 1), (KEY_ERRORS[1], 2)])
def test_a_rejected_key_ends_the_run_with_an_error(
    message: str, concurrency: int, tap: Tap, omdb: Emulator
) -> None:
    omdb.fault("error", message=message, status=401)
    run = tap({"max_retry_time": 60, "concurrency": concurrency})
    assert run.exit_code == 1
    assert run.counts == {}
    assert omdb.stats()["requests"] == spent(run) <= concurrency
    assert f'OMDb reports "{message}": check api_key (TAP_OMDB_API_KEY)' in run.log
    [outcome] = run.records("syncs")
    assert outcome["outcome"] == "failed"
    assert "api_key" in outcome["message"]
    assert run.sync_state["failures"] == {}
    omdb.clear_faults()
    assert tap(state=run.state).ids("movies") == IDS


@pytest.mark.parametrize("message", LIMITS)
def test_the_quota_ends_the_run_normally_and_it_continues_the_next_day(
    message: str, tap: Tap, omdb: Emulator
) -> None:
    limit = omdb.fault("error", skip=1, message=message, status=401)
    run = tap({"max_retry_time": 60})
    assert run.exit_code == 0
    assert run.counts == {"movies": 1}
    assert omdb.stats()["requests"] == spent(run) == 2
    assert f'Ended early: OMDb reports "{message}"' in run.log
    assert "Run again after 00:00 UTC" in run.log
    [outcome] = run.records("syncs")
    assert (outcome["outcome"], outcome["requests_left_today"]) == ("quota_reached", 0)
    assert message in outcome["message"]
    omdb.remove_fault(limit)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=1)):
        assert tap(state=run.state).ids("movies") == [HIT, AFTER]


def test_the_whole_quota_of_a_key_is_spent(tap: Tap, omdb: Emulator) -> None:
    omdb.set_key(KEY, limit=20)
    ids = _movies(omdb, 40)
    run = tap({"imdb_ids": ids, "concurrency": 8})
    assert run.exit_code == 0
    assert sum(run.counts.values()) == 20
    assert len(set(run.ids("movies"))) == len(run.ids("movies"))
    assert 21 <= omdb.stats()["requests"] == spent(run) <= 28


@pytest.mark.parametrize(
    ("message", "is_confirmed", "exit_code", "fetched"),
    [
        (KEY_ERRORS[0], False, 0, IDS),
        (LIMITS[0], False, 0, IDS),
        (KEY_ERRORS[0], True, 1, [BEFORE]),
        (LIMITS[0], True, 0, [BEFORE]),
    ],
)
def test_a_401_from_the_cache_is_checked_with_omdb(
    message: str, is_confirmed: bool, exit_code: int, fetched: list[str], tap: Tap, omdb: Emulator
) -> None:
    cached = {"status": 401, "headers": {"CF-Cache-Status": "HIT"}}
    omdb.fault("error", {"i": HIT, "_": False}, message=message, **cached)
    if is_confirmed:
        omdb.fault("error", {"i": HIT, "_": True}, message=message, status=401)
    run = tap()
    assert (run.exit_code, run.ids("movies")) == (exit_code, fetched)
    assert omdb.stats()["requests"] == spent(run) == len(fetched) + (2 if is_confirmed else 1)


# Redirects


@pytest.mark.parametrize(
    "location",
    ["{other}path?{query}", "/?{query}", "http://[::1/?{query}", "http://localhost:99999/", "//"],
)
def test_a_redirect_ends_the_run_and_is_not_followed(
    location: str, tap: Tap, omdb: Emulator
) -> None:
    with Emulator(keys={KEY: None}) as other:
        location = location.replace("{other}", other.url)
        omdb.fault("redirect", {"i": HIT}, location=location)
        run = tap()
        assert other.stats()["requests"] == 0
    assert run.exit_code == 1
    assert run.ids("movies") == [BEFORE]
    target = location.partition("?")[0]
    assert f"redirects to {target}: if that is right, set api_url to it" in run.log


# Searches


@pytest.mark.parametrize(
    ("term", "row"),
    [("sta*", {"error": "Too many results."}), ("ma*", {"error": None, "hits": 10})],
    ids=["too many results", "missing pages"],
)
def test_a_prefix_that_does_not_show_all_is_split(
    term: str, row: dict[str, Any], tap: Tap, config: Config, omdb: Emulator
) -> None:
    search = {**config, "imdb_ids": [], "search_terms": [term], "concurrency": 4}
    whole = tap({**search, "cache_dir": config["cache_dir"] + "1"})
    assert len(whole.ids("movies")) > 8
    if row["error"]:
        omdb.settings(max_results=4)
    else:
        omdb.fault("error", {"s": term, "page": "2"}, message="Movie not found!")
    run = tap(search)
    assert run.exit_code == 0
    assert sorted(run.ids("movies")) == sorted(whole.ids("movies"))
    rows = {row["search_id"]: row for row in run.records("searches")}
    assert len(rows) == len(run.records("searches"))
    assert rows[f"{term}|-|movie"].items() >= row.items()
    assert all(row["is_complete"] for row in rows.values()) == bool(row["error"])


def test_a_word_with_too_many_results_is_reported(tap: Tap) -> None:
    run = tap({"imdb_ids": [], "search_terms": ["the"]})
    assert run.exit_code == 0
    [row] = run.records("searches")
    assert row["error"] == "Too many results."
    assert row["is_complete"] is False
    assert "a longer term, or one that ends in *, finds more" in run.log


def test_missing_pages_are_reported_with_the_rows_missed(tap: Tap, omdb: Emulator) -> None:
    omdb.fault("error", {"s": "man*", "page": "2"}, message="Movie not found!")
    run = tap({"imdb_ids": [], "search_terms": ["man*"]})
    [row] = run.records("searches")
    assert 10 < row["total_results"] < 30
    assert row["hits"] == 10
    assert row["missed"] == row["total_results"] - 10
    assert row["error"] is None
    assert f"OMDb returned 10 of the {row['total_results']} rows" in run.log


def test_rows_of_a_search_without_an_id_are_reported(tap: Tap, omdb: Emulator) -> None:
    page = {"Search": [{"imdbID": BEFORE}, {"imdbID": "nm1"}], "totalResults": "2"}
    omdb.fault("response", {"s": "man*"}, body=json.dumps(page))
    run = tap({"imdb_ids": [], "search_terms": ["man*"]})
    assert run.ids("movies") == [BEFORE]
    assert "Search man*|-|movie: 1 rows have no IMDb id" in run.log


@pytest.mark.parametrize(
    ("fault", "reason", "days"),
    [
        # A response that cannot be used is requested again on another day.
        ({"effect": "response", "body": '{"Search" : , "x"}'}, "broken_response", 1),
        ({"effect": "unavailable"}, "http_error", 0),
    ],
    ids=["broken", "unavailable"],
)
def test_a_page_that_fails_is_a_reject_and_requested_by_the_next_run(
    fault: dict[str, Any], reason: str, days: int, tap: Tap, config: Config, omdb: Emulator
) -> None:
    search = {**config, "imdb_ids": [], "search_terms": ["man*"]}
    failing = omdb.fault(match={"s": "man*", "page": "2"}, **fault)
    run = tap(search)
    assert run.exit_code == 0
    assert len(run.ids("movies")) == 10
    [reject] = run.records("rejects")
    assert reject["reason"] == reason
    assert reject["reject_id"] == "s=man*&type=movie&page=2"
    [row] = run.records("searches")
    assert row["is_complete"] is False
    assert row["error"] == reject["message"]
    if reason == "http_error":
        assert row["error"] == "HTTP 503: The service is unavailable."
    omdb.remove_fault(failing)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=days)):
        again = tap(search, run.state)
    [row] = again.records("searches")
    assert (row["is_complete"], row["error"]) == (True, None)
    assert len(run.ids("movies") + again.ids("movies")) == row["total_results"]
    assert not set(run.ids("movies")) & set(again.ids("movies"))


# Further attempts, merged ids, seasons


def test_a_title_that_fails_on_three_days_waits_for_its_refresh(tap: Tap, omdb: Emulator) -> None:
    omdb.fault("error", {"i": HIT})
    now = datetime.now(timezone.utc)
    state: dict[str, Any] = {}
    requests_made = []
    for day in (0, 1, 2, 3, 10, 20, 30):
        with time_machine.travel(now + timedelta(days=day)):
            before = omdb.stats()["requests"]
            run = tap({"imdb_ids": [HIT], "refresh": {"older": 25}}, state)
            state = run.state
            requests_made.append(omdb.stats()["requests"] - before)
    assert requests_made == [1, 1, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("order", [1, -1])
def test_merged_ids_are_one_title(order: int, tap: Tap, omdb: Emulator) -> None:
    old, new = "tt4440394", "tt2250912"
    run = tap({"imdb_ids": [old, new][::order]})
    assert set(run.ids("movies")) == {new}
    assert run.records("movies")[-1]["merged_ids"] == [old]
    assert f"OMDb returns {new} for {old}" in run.log
    assert tap({"imdb_ids": [old, new]}, run.state).counts == {}
    assert omdb.stats()["requests"] == 2


@pytest.mark.parametrize(("is_broken", "requests_made"), [(True, 3), (False, 1)])
def test_the_episodes_of_a_season_without_usable_details_are_fetched_one_by_one(
    is_broken: bool, requests_made: int, tap: Tap, series: Config, omdb: Emulator
) -> None:
    whole = tap({**series, "cache_dir": series["cache_dir"] + "1"})
    assert omdb.stats()["requests"] == 2
    assert whole.counts == {"series": 1, "episodes": 10}
    if is_broken:
        omdb.fault(match={"i": SERIES, "detail": "full"}, **BROKEN)
    else:
        omdb.settings(season_details=False)
    run = tap(series)
    assert omdb.stats()["by_kind"] == {"details": 2 + 10, "season": 1 + requests_made}
    assert _without_time(run, "episodes") == _without_time(whole, "episodes")


@pytest.mark.parametrize("details", [True, False])
def test_an_episode_without_its_series_has_that_of_the_season_that_lists_it(
    tap: Tap, series: Config, omdb: Emulator, *, details: bool
) -> None:
    number, unknown = {"Episode": "7"}, {"Season": "N/A", "Episode": "N/A", "seriesID": "N/A"}
    # As a response: other tests need the title of the shared emulator as it is.
    changed = {**omdb.title(EPISODE), **unknown}
    omdb.fault("response", {"i": EPISODE}, body=json.dumps(changed))
    listed = {**(changed if details else {}), "imdbID": EPISODE, **number}
    body = {"Season": "1", "totalSeasons": "1", "Episodes": [listed], "Response": "True"}
    omdb.fault("response", {"i": SERIES, "season": "1"}, body=json.dumps(body))
    run = tap(series)
    (episode,) = run.records("episodes")
    assert (episode["series_id"], episode["season"], episode["episode"]) == (SERIES, 1, 7)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [({"effect": "unavailable"}, "http_error"), (error("Error getting data."), "no_data")],
)
def test_a_season_that_fails_is_requested_again_on_the_next_day(
    fault: dict[str, Any], reason: str, tap: Tap, series: Config, omdb: Emulator
) -> None:
    omdb.fault(match={"season": "1"}, **fault)
    run = tap(series)
    assert [reject["reason"] for reject in run.records("rejects")] == [reason]
    omdb.clear_faults()
    assert tap(series, run.state).counts == {}
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=1)):
        assert tap(series, run.state).ids("episodes")


def test_odd_rows_of_a_season_are_one_reject_and_the_others_are_kept(
    tap: Tap, series: Config, omdb: Emulator
) -> None:
    listed = omdb.title(EPISODE)
    deep = {**listed, "imdbID": "tt1247458", "New": json.loads("[" * 40 + "]" * 40)}
    odd = [5, {"Title": "X"}, 6, deep, {"Title": "Y"}]
    season = {"totalSeasons": "1", "Episodes": [*odd, listed], "Response": "True"}
    omdb.fault("response", {"i": SERIES, "season": "1"}, body=json.dumps(season))
    run = tap(series)
    assert run.ids("episodes") == [EPISODE]
    [reject] = run.records("rejects")
    assert (reject["reason"], reject["payload"]) == ("invalid_record", json.dumps(season))
    assert reject["message"] == (
        "5 of the episodes cannot be read: not a JSON object (2), no imdbID (2), "
        "the response is nested more than 32 deep (1)"
    )


# Outages


def test_an_outage_ends_the_run_before_it_wastes_the_quota(
    tap: Tap, config: Config, omdb: Emulator
) -> None:
    ids = _movies(omdb, 100)
    outage = omdb.fault("cloudflare", skip=30, status=522)
    many = {**config, "imdb_ids": ids, "concurrency": 4}
    run = tap({**many, "max_retry_time": 2})
    assert run.exit_code == 1
    assert "OMDb cannot be reached at 127.0.0.1:" in run.log
    assert "HTTP 522: www.omdbapi.com | 522: Connection timed out" in run.log
    assert 30 < omdb.stats()["requests"] == spent(run) < 60
    omdb.remove_fault(outage)
    before = omdb.stats()["requests"]
    # The retries of a title may have been exhausted before the outage was detected.
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=1)):
        again = tap(many, run.state)
    assert again.exit_code == 0
    assert omdb.stats()["requests"] - before == 100 - 30
    done = _titles(run) + _titles(again)
    assert len(set(done)) == len(done)


def test_an_outage_shorter_than_the_retry_budget_loses_no_title(tap: Tap, omdb: Emulator) -> None:
    ids = _movies(omdb, 40)
    omdb.fault("cloudflare", skip=20, times=20, status=522)
    run = tap({"imdb_ids": ids, "concurrency": 8, "max_retry_time": 60})
    assert run.exit_code == 0
    assert len(_titles(run)) == 40 - len(run.records("rejects"))
    assert {reject["reason"] for reject in run.records("rejects")} <= {"not_found", "no_data"}
    assert omdb.stats()["requests"] == spent(run) == 40 + 20


def test_many_failures_in_a_row_open_the_circuit_breaker_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaker = CircuitBreaker(workers=2)
    breaker.record_success()
    for _ in range(100):
        breaker.record_failure("522")
    assert breaker.open_reason is None
    monkeypatch.setattr("tap_omdb.circuit_breaker._OUTAGE_SECONDS", 0)
    breaker.record_success()
    for _ in range(9):
        breaker.record_failure("522")
    assert breaker.open_reason is None
    breaker.record_failure("522")
    assert breaker.open_reason == "522"


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("127.0.0.1:{port}", "is the OMDb emulator running there?"),
        ("omdb.invalid", "check api_url and the network"),
    ],
)
def test_an_unreachable_host_is_one_line_and_costs_no_request(
    host: str, remedy: str, tap: Tap
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but not listening
        url = f"http://{host.format(port=closed.getsockname()[1])}/"
        started = time.monotonic()
        unreachable = {"api_url": url, "max_retry_time": 1}
        run = tap(unreachable)
        assert time.monotonic() - started < 15
        assert spent(tap(unreachable, run.state)) == 0
    assert run.exit_code == 1
    [error_line] = [line for line in run.log.splitlines() if "| ERROR " in line]
    assert "OMDb cannot be reached at" in error_line
    assert remedy in error_line
    assert "ConnectionError" not in error_line, "the reason is the system's, in words"
    assert "Traceback" not in run.log
    assert run.records("rejects") == []
    assert spent(run) == 0
    assert "no records · 0 requests spent, 1,000 left" in run.log
    assert tap({"daily_requests": 3}).ids("movies") == IDS


# Bounds


@pytest.mark.parametrize(
    ("effect", "reason", "message"),
    [
        ("endless_body", "response_too_large", "larger than 16 MB"),
        ("large_body", "response_too_large", "larger than 16 MB"),
        ("gzip_bomb", "response_too_large", "larger than 16 MB"),
        ("dripping_body", "http_error", "not complete after 2 s"),
    ],
)
def test_a_response_beyond_the_limits_is_one_reject(
    effect: str, reason: str, message: str, tap: Tap, omdb: Emulator
) -> None:
    started = time.monotonic()
    omdb.fault(effect, {"i": HIT}, seconds=0.3)
    with memory_below(100):  # the emulator's, too
        run = tap({"max_retry_time": 60, "concurrency": 2})
    assert run.exit_code == 0
    assert sorted(run.ids("movies")) == sorted([BEFORE, AFTER])
    [reject] = run.records("rejects")
    assert (reject["imdb_id"], reject["reason"], reject["http_status"]) == (HIT, reason, 200)
    assert message in reject["message"]
    assert omdb.stats()["requests"] == spent(run) == 2 + 2, "one retry at most"
    assert time.monotonic() - started < 30


def test_control_characters_reach_no_log(tap: Tap, omdb: Emulator) -> None:
    hostile = r'{"Response":"False","Error":"\u001b[31mRed\u202e\u0007 not a key"}'
    omdb.fault("response", body=hostile)
    run = tap({"search_terms": ["man*"]})
    assert not {"\x1b", "\u202e", "\x07"} & {*run.log}
    assert any("\x1b[31m" in reject["message"] for reject in run.records("rejects")), "raw has it"


# The key


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "html", "status": 404, "body": "<title>{url}</title>"},
        {"effect": "error", "message": "No such page: {url}"},
        {"effect": "error", "message": "Error getting data. {key}"},
        {"effect": "response", "body": '{{"Title":"{url}" : , "Nonsense"}}'},
    ],
    ids=repr,
)
def test_a_key_in_a_response_is_redacted(fault: dict[str, Any], tap: Tap, omdb: Emulator) -> None:
    url = f"{omdb.url}?apikey={KEY}&i={HIT}"
    texts = {
        name: value.format(url=url, key=KEY) if isinstance(value, str) else value
        for name, value in fault.items()
    }
    omdb.fault(match={"i": HIT}, **texts)
    run = tap()
    assert run.counts == {"movies": 2, "rejects": 1}


def test_a_key_that_is_part_of_a_word_does_not_change_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", {"e"})
    assert redaction.redact_bytes(b"Interstellar") == b"Interstellar"


def test_a_log_record_with_mismatched_arguments_is_passed_on() -> None:
    redaction.register_secret(KEY)
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "%d", ("one",), None)
    assert record.args == ("one",)


@pytest.mark.parametrize("argument", [None, "--discover", "--about", "--test=schema"])
def test_the_output_of_the_command_does_not_contain_the_key(
    argument: str | None, command: Command, config: Config
) -> None:
    given = [argument] if argument else []
    run = command(*given, config=config, LOGLEVEL="DEBUG", TAP_OMDB_API_KEY=KEY)
    assert run.exit_code == 0
    assert run.stdout
    assert_no_key(run.stdout, run.log)
    # The line with the URL exists.
    assert ("| DEBUG    | urllib3.connectionpool" in run.log) == (argument is None)
    assert ("apikey=***" in run.log) == (argument is None)


def _movies(omdb: Emulator, count: int) -> list[str]:
    """Return the ids of this many movies without defects."""
    titles = map(omdb.title, omdb.titles())
    good = [t["imdbID"] for t in titles if t.get("Type") == "movie" and "Emulator" not in t]
    return good[:count]


def _titles(run: Run) -> list[str]:
    return [imdb_id for stream in ("movies", "series", "games") for imdb_id in run.ids(stream)]


def _without_time(run: Run, stream: str) -> list[dict[str, Any]]:
    records = [{**record, "fetched_at": None} for record in run.records(stream)]
    return sorted(records, key=lambda record: str(record["imdb_id"]))
