from __future__ import annotations

import http.client
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from omdb_emulator.client import Control, ControlError
from omdb_emulator.testing import Emulator, title_line

if TYPE_CHECKING:
    import socket

    from tests.emulator.conftest import Ask

ID = "tt1375666"


def test_starts_in_less_than_a_second() -> None:
    started = time.monotonic()
    with Emulator() as emulator:
        assert emulator.health()["status"] == "ok"
        assert time.monotonic() - started < 1


def test_headers_are_omdbs(omdb: Emulator, ask: Ask) -> None:
    headers = ask(omdb, i=ID).headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=86400"
    assert headers["vary"] == "*, Accept-Encoding"
    assert headers["server"] == "cloudflare"
    assert headers["cf-cache-status"] == "MISS"
    assert re.fullmatch(r"[0-9a-f]{16}-IAD", headers["cf-ray"])
    assert headers["x-aspnet-version"] == "4.0.30319"
    assert headers["x-powered-by"] == "ASP.NET"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["connection"] == "keep-alive"
    assert headers.keys().isdisjoint({"age", "retry-after"})
    expires = parsedate_to_datetime(headers["expires"])
    assert (expires - parsedate_to_datetime(headers["last-modified"])).total_seconds() == 3600


def test_connections_are_kept_alive(omdb: Emulator) -> None:
    target = urlsplit(omdb.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
    connection.connect()
    first: socket.socket = connection.sock
    for _ in range(3):
        connection.request("GET", f"/?apikey={omdb.key}&i={ID}")
        assert json.load(connection.getresponse())["imdbID"] == ID
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize(
    ("key", "error"),
    [("", "No API key provided."), ("deadbeef", "Invalid API key!")],
)
def test_wrong_keys(omdb: Emulator, ask: Ask, key: str, error: str) -> None:
    answer = ask(omdb, apikey=key, i=ID)
    assert (answer.status, answer.error) == (401, error)
    assert answer.headers["x-powered-by"] == "ASP.NET"


def test_missing_key(omdb: Emulator) -> None:
    target = urlsplit(omdb.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
    connection.request("GET", f"/?i={ID}")
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 401
    assert body == b'{"Response":"False","Error":"No API key provided."}'
    assert omdb.stats()["refused"] == {"no_key": 1}


@pytest.mark.parametrize("key", ["", "00000000"])
def test_angle_bracket_is_a_server_error_even_without_key(
    omdb: Emulator, ask: Ask, key: str
) -> None:
    answer = ask(omdb, apikey=key, s="<b>")
    assert answer.status == 500
    assert b"Server Error in '/' Application." in answer.body


def test_daily_limit_counts_by_key_and_utc_day(ask: Ask) -> None:
    with Emulator([], keys={"aaaa0000": 2, "bbbb0000": None}) as emulator:
        emulator.set_date(date(2024, 12, 31))
        statuses = [ask(emulator, i=ID).status for _ in range(4)]
        refused = ask(emulator, i=ID)
        other = ask(emulator, apikey="bbbb0000", i=ID).status
        stats, keys = emulator.stats(), emulator.keys()
        emulator.advance_days()
        next_day = [ask(emulator, s="the").status for _ in range(3)]
        dated = ask(emulator, apikey="bbbb0000", i=ID).headers["date"]
    assert statuses == [200, 200, 401, 401]
    assert refused.error == "Request limit reached!"
    assert "retry-after" not in refused.headers
    assert other == 200
    assert stats["refused"] == {"limit": 3}
    assert keys == {
        "aaaa0000": {"limit": 2, "used_today": 2},
        "bbbb0000": {"limit": None, "used_today": 1},
    }
    assert next_day == [200, 200, 401]
    assert parsedate_to_datetime(dated).date() == date(2025, 1, 1)


def test_keys_can_be_added_limited_and_removed(omdb: Emulator, ask: Ask) -> None:
    omdb.set_key("12345678", limit=1)
    assert [ask(omdb, apikey="12345678", i=ID).status for _ in range(2)] == [200, 401]
    omdb.set_key("12345678", limit=None)
    assert ask(omdb, apikey="12345678", i=ID).status == 200
    omdb.remove_key("12345678")
    assert ask(omdb, apikey="12345678", i=ID).error == "Invalid API key!"


def test_shared_cache_keeps_errors_of_keys_too(ask: Ask) -> None:
    with Emulator([title_line(ID, "Inception")], keys={"aaaa0000": 1}, cache=True) as emulator:
        first, again = ask(emulator, i=ID), ask(emulator, i=ID)
        refused = ask(emulator, s="inception")
        emulator.set_key("aaaa0000", limit=None)
        emulator.advance_days(0.5)
        still_refused = ask(emulator, s="inception")
        past_the_cache = ask(emulator, s="inception", past="1")
        emulator.advance_days(0.6)
        expired = ask(emulator, s="inception")
        hits = emulator.stats()["cache_hits"]
    assert (first.headers["cf-cache-status"], "age" in first.headers) == ("MISS", False)
    assert again.headers["cf-cache-status"] == "HIT"
    assert again.headers["age"].isdigit()
    assert again.body == first.body
    assert (refused.status, still_refused.status) == (401, 401)
    assert still_refused.headers["cf-cache-status"] == "HIT"
    assert int(still_refused.headers["age"]) >= 43200
    modified = parsedate_to_datetime(still_refused.headers["last-modified"])
    sent = parsedate_to_datetime(still_refused.headers["date"])
    assert abs((sent - modified).total_seconds() - int(still_refused.headers["age"])) <= 1
    assert past_the_cache.status == 200
    assert (expired.status, expired.headers["cf-cache-status"]) == (200, "EXPIRED")
    assert hits == 2


def test_stats_and_log_tell_each_request(omdb: Emulator, ask: Ask) -> None:
    ask(omdb, i=ID, plot="full")
    ask(omdb, s="castle", Type="series")
    ask(omdb, t="castle rock", Season="1")
    ask(omdb, t="castle rock", Season="1", Episode="1")
    ask(omdb, t="castle")
    ask(omdb, apikey="bad", y="2010")
    assert omdb.stats() | {"peak_in_flight": 1} == {
        "requests": 6,
        "by_key": {omdb.key: 5, "bad": 1},
        "by_kind": {
            "details": 1,
            "search": 1,
            "season": 1,
            "episode": 1,
            "title": 1,
            "invalid": 1,
        },
        "by_status": {"200": 5, "401": 1},
        "refused": {"invalid_key": 1},
        "faults": {},
        "cache_hits": 0,
        "in_flight": 0,
        "peak_in_flight": 1,
    }
    log = omdb.requests()
    assert [one["number"] for one in log] == list(range(6))
    assert log[1]["query"] == {"s": "castle", "type": "series"}
    assert (log[1]["kind"], log[1]["key"], log[1]["status"]) == ("search", omdb.key, 200)
    assert [one["kind"] for one in omdb.requests(since=4)] == ["title", "invalid"]
    assert all(omdb.key not in str(one["query"]) for one in log)


def test_reset_forgets_what_happened_but_not_how_it_is_set(omdb: Emulator, ask: Ask) -> None:
    omdb.set_latency(1)
    omdb.fault("unavailable")
    omdb.advance_days(3)
    ask(omdb, i=ID)
    omdb.reset()
    assert ask(omdb, i=ID).status == 200
    assert omdb.stats()["requests"] == len(omdb.requests()) == 1
    assert omdb.settings()["latency_ms"] == 1


def test_latency_holds_many_requests_at_once(omdb: Emulator, ask: Ask) -> None:
    omdb.set_latency(300)
    started = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(omdb, i=ID), range(40)))
    took = time.monotonic() - started
    assert all(answer.status == 200 for answer in answers)
    assert 0.3 <= took < 3
    assert omdb.stats()["peak_in_flight"] > 10


def test_pause_holds_and_resume_answers(omdb: Emulator, ask: Ask) -> None:
    omdb.pause()
    assert omdb.health()["status"] == "paused"
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(omdb, i=ID)))
    thread.start()
    while omdb.stats()["in_flight"] == 0:
        time.sleep(0.01)
    assert not answers
    assert omdb.stats()["by_status"] == {}
    omdb.resume()
    thread.join(10)
    assert answers[0].status == 200


def test_titles_can_be_added_changed_and_forgotten(omdb: Emulator, ask: Ask) -> None:
    omdb.add_title(title_line("tt0424242", "Brand New", Year="2024", PlotFull="All of it."))
    assert ask(omdb, s="brand").json["Search"][0]["imdbID"] == "tt0424242"
    omdb.update_title("tt0424242", imdbRating="9.9", imdbVotes="12")
    changed = ask(omdb, i="tt0424242", plot="full").json
    assert (changed["imdbRating"], changed["Plot"]) == ("9.9", "All of it.")
    assert list(changed)[-1] == "Response"
    assert omdb.title("tt0424242")["imdbVotes"] == "12"
    assert "tt0424242" in omdb.titles()
    omdb.update_title(ID, Emulator={"merged_into": "tt0424242"})
    assert ask(omdb, i=ID).json["imdbID"] == "tt0424242"
    omdb.forget_title("tt0424242")
    assert ask(omdb, i="tt0424242").error == "Error getting data."


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "settings", {"speed": 1}, "unknown setting speed"),
        ("POST", "settings", {"cache": "yes"}, "cache cannot be 'yes'"),
        ("POST", "settings", {"latency_ms": True}, "latency_ms cannot be True"),
        ("POST", "clock", {"date": "tomorrow"}, "tomorrow"),
        ("POST", "clock", {"hour": 1}, "unknown clock setting hour"),
        ("PUT", "keys/abc", {"limit": -1}, "limit must be a whole number"),
        ("POST", "titles", {"imdbID": "1"}, "imdbID must be tt and 7 or 8 digits"),
        ("PATCH", f"titles/{ID}", {"imdbID": "tt0000001"}, "imdbID cannot change"),
        ("PATCH", "titles/tt7654321", {}, "no such title"),
        ("DELETE", "titles/tt7654321", None, "no such title"),
        ("DELETE", "faults/99", None, "no fault of this number"),
        ("DELETE", "keys/nope", None, "no such key"),
        ("GET", "requests?since=x", None, "since must be a number"),
        ("POST", "settings", [], "must be a JSON object"),
        ("GET", "nothing", None, "Not Found"),
    ],
)
def test_wrong_control_calls_are_refused(
    omdb: Emulator, method: str, path: str, body: object, said: str
) -> None:
    with pytest.raises(ControlError, match=said):
        omdb._call(method, path, body)  # noqa: SLF001


def test_other_paths_are_not_found(omdb: Emulator) -> None:
    target = urlsplit(omdb.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
    connection.request("GET", "/favicon.ico")
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 404
    assert omdb.stats()["requests"] == 0


def test_control_works_from_the_url_alone(omdb: Emulator) -> None:
    assert Control(omdb.url).health() == omdb.health()


def test_two_emulators_do_not_disturb_each_other(ask: Ask) -> None:
    with Emulator([title_line(ID, "One")]) as one, Emulator([title_line(ID, "Two")]) as two:
        one.fault("unavailable")
        assert ask(two, i=ID).json["Title"] == "Two"
        assert ask(one, i=ID).status == 503
