"""Keys, counts, control endpoints and faults, over HTTP.

What the tests of the tap show through the emulator has no test here: the other faults, above all.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import threading
import time
from datetime import date
from email.utils import parsedate_to_datetime

import psutil
import pytest
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.client import Control, ControlError
from omdb_emulator.server import Server
from omdb_emulator.state import State
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import ID, connect, fetch


def test_headers_are_omdbs(omdb: Emulator) -> None:
    headers = fetch(omdb, i=ID).headers
    assert re.fullmatch(r"[0-9a-f]{16}-IAD", headers.pop("cf-ray"))
    dates = [parsedate_to_datetime(headers.pop(name)) for name in ("last-modified", "expires")]
    assert (dates[1] - dates[0]).total_seconds() == 3600
    assert headers.pop("date")
    assert headers.pop("content-length")
    assert headers == {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "public, max-age=86400",
        "vary": "*, Accept-Encoding",
        "server": "cloudflare",
        "cf-cache-status": "MISS",
        "x-aspnet-version": "4.0.30319",
        "x-powered-by": "ASP.NET",
        "access-control-allow-origin": "*",
        "connection": "keep-alive",
    }
    assert fetch(omdb, {"Connection": "close"}, i=ID).headers["connection"] == "close"


def test_angle_bracket_is_a_server_error_even_without_key(omdb: Emulator) -> None:
    response = fetch(omdb, apikey="", s="<b>")
    assert response.status == 500
    assert b"Server Error in '/' Application." in response.body


def test_daily_limit_counts_by_key_and_utc_day() -> None:
    with Emulator([], keys={"aaaa0000": 2, "bbbb0000": None}) as emulator:
        emulator.set_date(date(2024, 12, 31))
        assert [fetch(emulator, i=ID).status for _ in range(3)] == [200, 200, 401]
        assert fetch(emulator, i=ID).error == "Request limit reached!"
        assert fetch(emulator, apikey="bbbb0000", i=ID).status == 200
        assert fetch(emulator, apikey="deadbeef", i=ID).error == "Invalid API key!"
        assert fetch(emulator, apikey=None, i=ID).error == "No API key provided."
        assert emulator.stats()["unauthorized"] == {"limit": 2, "invalid_key": 1, "no_key": 1}
        assert emulator.keys() == {
            "aaaa0000": {"limit": 2, "used_today": 2},
            "bbbb0000": {"limit": None, "used_today": 1},
        }
        emulator.advance_days()
        assert [fetch(emulator, s="the").status for _ in range(3)] == [200, 200, 401]
        dated = fetch(emulator, apikey="bbbb0000", i=ID).headers["date"]
        assert parsedate_to_datetime(dated).date() == date(2025, 1, 1)


def test_stats_and_log_contain_each_request(omdb: Emulator) -> None:
    fetch(omdb, i=ID, plot="full")
    fetch(omdb, s="castle", Type="series")
    fetch(omdb, t="castle rock", Season="1")
    fetch(omdb, t="castle rock", Season="1", Episode="1")
    omdb.fault("cut", {"t": "castle"})
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(omdb, t="castle")
    fetch(omdb, apikey="bad", y="2010")
    assert fetch(omdb, path="/favicon.ico").status == 404
    kinds = ("details", "search", "season", "episode", "title", "invalid")
    assert omdb.stats() == {
        "requests": 6,
        "by_key": {omdb.key: 5, "bad": 1},
        "by_kind": dict.fromkeys(kinds, 1),
        "by_status": {"200": 4, "401": 1, "0": 1},
        "unauthorized": {"invalid_key": 1},
        "faults": {"1": 1},
        "in_flight": 0,
        "peak_in_flight": 1,
    }
    log = omdb.requests()
    assert [(one["number"], one["kind"]) for one in log] == list(enumerate(kinds))
    search = {"query": {"s": "castle", "type": "series"}, "key": omdb.key, "status": 200}
    assert log[1].items() >= {**search, "fault": None}.items()
    omdb.settings(log=False)
    assert fetch(omdb, i=ID).status == 200
    assert len(omdb.requests()) == len(kinds)


def test_titles_can_be_added_changed_and_removed(omdb: Emulator) -> None:
    omdb.add_title(title_line("tt0424242", "Brand New", Year="2024", PlotFull="All of it."))
    assert fetch(omdb, s="brand").json["Search"][0]["imdbID"] == "tt0424242"
    omdb.update_title("tt0424242", imdbRating="9.9")
    changed = fetch(omdb, i="tt0424242", plot="full").json
    assert (changed["imdbRating"], changed["Plot"]) == ("9.9", "All of it.")
    omdb.update_title("tt0000012", Season="2")
    seasons = [fetch(omdb, i="tt0000010", Season=season).json["Episodes"] for season in "12"]
    ids = [[one["imdbID"][-2:] for one in season] for season in seasons]
    assert ids == [["11", "13"], ["14", "12"]]
    omdb.update_title(ID, Emulator={"merged_into": "tt0424242"})
    assert fetch(omdb, i=ID).json["imdbID"] == "tt0424242"
    omdb.remove_title("tt0424242")
    assert fetch(omdb, i="tt0424242").error == "Error getting data."


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "settings", {"speed": 1}, "unknown field `speed`"),
        ("POST", "settings", {"log": "yes"}, r"Expected `bool`, got `str` - at `\$.log`"),
        ("POST", "settings", [], "Expected `object`"),
        ("POST", "clock", {"date": "tomorrow"}, r"at `\$.date`"),
        ("PUT", "keys/abc", {"limit": -1}, r"Expected `int` >= 0 - at `\$.limit`"),
        ("DELETE", "keys/nope", None, "no such key"),
        ("POST", "titles", {"imdbID": "1"}, "imdbID must be tt and 7 or 8 digits"),
        ("PATCH", f"titles/{ID}", {"imdbID": "tt0000001"}, "imdbID cannot change"),
        ("DELETE", "titles/tt7654321", None, "no such title"),
        ("POST", "faults", {"effect": "nonsense"}, r"at `\$.effect`; known are response, error,"),
        ("POST", "faults", {"effect": "cut", "wen": 1}, "unknown field `wen`; known are effect,"),
        ("DELETE", "faults/99", None, "no fault with this number"),
        ("GET", "nothing", None, "Not Found"),
    ],
)
def test_invalid_control_calls_are_rejected(
    omdb: Emulator, method: str, path: str, body: object, message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        omdb._call(method, path, body)  # noqa: SLF001


def control(emulator: Control, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Send one request to a control endpoint as a browser would; return status and error."""
    connection = connect(emulator)
    connection.request(method, f"/__emulator__/{path}", b'{"latency_ms": 1}', headers)
    response = connection.getresponse()
    result = response.status, str(json.load(response).get("error"))
    connection.close()
    return result


@pytest.mark.parametrize(
    ("host", "origin", "status", "error"),
    [
        *((host, None, 200, "None") for host in ("localhost", "LOCALHOST:80", "[::1]:80")),
        ("127.0.0.1:15500", "http://127.0.0.1:15500", 200, "None"),
        *(
            ("localhost", origin, 403, f"the origin {origin} is not allowed")
            for origin in ("https://example.org", "null", "http://127.0.0.1:1")
        ),
        *(
            (host, f"http://{host}", 400, f"the host {host!r} is not allowed")
            for host in ("example.org:80", "127.0.0.1.example.org", "localhost.", "a b")
        ),
    ],
)
def test_web_pages_of_others_cannot_use_the_control_endpoints(
    omdb: Emulator, host: str, origin: str | None, status: int, error: str
) -> None:
    headers = {"Host": host, "Content-Type": "text/plain", **({"Origin": origin} if origin else {})}
    assert control(omdb, "GET", "stats", **headers) == (status, error)
    assert control(omdb, "POST", "settings", **headers) == (status, error)
    assert omdb.settings()["latency_ms"] == (status == 200)


@pytest.mark.parametrize(("listening_on", "host"), [("192.0.2.7", "192.0.2.7:80"), ("::", "[::]")])
def test_control_accepts_the_address_that_the_server_listens_on(
    listening_on: str, host: str
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(State(TitleStore()), listening, listening_on)
    thread = threading.Thread(target=server.run)
    thread.start()
    client = Control(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    statuses = [control(client, "GET", "health", Host=name)[0] for name in (host, "192.0.2.8")]
    server.stop()
    thread.join()
    assert statuses == [200, 400]


# Faults


@pytest.mark.parametrize(
    ("effect", "status", "content_type", "part"),
    [
        ("cloudflare", 522, "text/html; charset=UTF-8", b"522: Connection timed out"),
        ("unavailable", 503, "text/html", b"The service is unavailable."),
        ("aspnet", 500, "text/html; charset=utf-8", b"Server Error in '/' Application."),
        ("html", 200, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("empty", 200, "application/json; charset=utf-8", b""),
        ("bad_escape", 200, "application/json; charset=utf-8", b'"Plot":"inner\\spiritual A'),
        ("control_characters", 200, "application/json; charset=utf-8", b'"Plot":"\x1f\x08\t\x1dA'),
        ("latin1", 200, "application/json; charset=utf-8", "Café Ærø “".encode("cp1252")),
        ("utf8_as_latin1", 200, "application/json; charset=iso-8859-1", "Café Ærø “".encode()),
    ],
)
def test_responses_of_effects(
    omdb: Emulator, effect: str, status: int, content_type: str, part: bytes
) -> None:
    omdb.fault(effect)
    response = fetch(omdb, i=ID)
    assert (response.status, response.headers["content-type"]) == (status, content_type)
    assert part in response.body
    assert bool(response.body) == bool(part)


def test_response_changes_only_what_is_given(omdb: Emulator) -> None:
    true = fetch(omdb, i=ID)
    omdb.fault("response", {"i": ID}, status=418, headers={"Age": "3", "X-Own": "yes"})
    changed = fetch(omdb, i=ID)
    assert (changed.status, changed.body) == (418, true.body)
    assert (changed.headers["age"], changed.headers["x-own"]) == ("3", "yes")
    omdb.clear_faults()
    omdb.fault("response", body='{"a": 1}', content_type="text/plain")
    changed = fetch(omdb, i=ID)
    assert (changed.status, changed.body) == (200, b'{"a": 1}')
    assert changed.headers["content-type"] == "text/plain"


def test_redirect_to_the_same_url_is_not_repeated(omdb: Emulator) -> None:
    omdb.fault("redirect")
    location = fetch(omdb, i=ID).headers["location"]
    assert location == f"/?apikey={omdb.key}&i={ID}&redirected=1"
    assert fetch(omdb, i=ID, redirected="1").json["imdbID"] == ID


@pytest.mark.parametrize("effect", ["endless_body", "large_body", "gzip_bomb"])
def test_client_that_does_not_read_takes_no_memory_and_can_leave(
    omdb: Emulator, effect: str
) -> None:
    omdb.fault(effect, {"i": ID})
    before = psutil.Process().memory_info().rss
    connection = connect(omdb)
    connection.request("GET", f"/?apikey={omdb.key}&i={ID}")
    assert connection.getresponse().read(12)
    assert fetch(omdb, i="tt0000002").error is None
    time.sleep(0.3)
    assert psutil.Process().memory_info().rss - before < 30_000_000
    connection.close()
    deadline = time.monotonic() + 5
    while omdb.stats()["in_flight"]:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_large_bodies_are_valid_json(omdb: Emulator) -> None:
    omdb.fault("large_body", {"i": ID}, megabytes=3)
    omdb.fault("gzip_bomb", megabytes=3)
    large, bomb = fetch(omdb, i=ID), fetch(omdb, s="castle")
    assert large.headers["content-length"] == str(len(large.body))
    assert (bomb.headers["content-encoding"], len(bomb.body) < 6000) == ("gzip", True)
    assert gzip.decompress(bomb.body) == large.body
    assert 3_000_000 < len(large.body) < 3_000_100
    assert large.json["Response"] == "True"


@pytest.mark.parametrize("effect", ["hang", "endless_body"])
def test_emulator_ends_at_once_though_requests_do_not(effect: str) -> None:
    with Emulator([title_line(ID, "Inception")]) as emulator:
        emulator.fault(effect)
        connection = connect(emulator)
        connection.request("GET", f"/?apikey={emulator.key}&i={ID}")
        while not emulator.stats()["in_flight"]:
            time.sleep(0.005)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse().read()
    connection.close()


def test_match_skip_times_and_order(omdb: Emulator) -> None:
    omdb.fault("unavailable", {"I": ID.upper()}, skip=1, times=2)
    omdb.fault("aspnet", {"page": True, "type": False})
    assert [fetch(omdb, i=ID).status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert fetch(omdb, i="tt0000002").status == 200
    assert fetch(omdb, s="castle", page="1").status == 500
    assert fetch(omdb, s="castle", page="1", type="game").status == 200
    assert [fault["hits"] for fault in omdb.faults()] == [2, 1]


def test_probability_is_repeatable_by_seed(omdb: Emulator) -> None:
    statuses = []
    for seed in (7, 7, 8):
        omdb.fault("unavailable", probability=0.5, seed=seed)
        statuses.append([fetch(omdb, i=ID).status for _ in range(40)])
        omdb.clear_faults()
    assert statuses[0] == statuses[1] != statuses[2]
    assert 8 < statuses[0].count(503) < 32


def test_faults_of_the_edge_do_not_spend_the_limit() -> None:
    with Emulator([], keys={"abc": 1}) as emulator:
        emulator.fault("cloudflare", times=3)
        statuses = [fetch(emulator, i=ID).status for _ in range(5)]
    assert statuses == [522, 522, 522, 200, 401]
