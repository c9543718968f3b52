"""Keys, cache, counts and control endpoints, over HTTP."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.utils import parsedate_to_datetime

import pytest
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.client import Control, ControlError
from omdb_emulator.server import Server
from omdb_emulator.state import State
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import ID, connect, fetch


def test_headers_are_omdbs(omdb: Emulator) -> None:
    headers = fetch(omdb, i=ID).headers
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
    assert fetch(omdb, {"Connection": "close"}, i=ID).headers["connection"] == "close"
    assert headers.keys().isdisjoint({"age", "retry-after"})
    expires = parsedate_to_datetime(headers["expires"])
    assert (expires - parsedate_to_datetime(headers["last-modified"])).total_seconds() == 3600


@pytest.mark.parametrize("key", [None, "", "deadbeef"])
def test_invalid_keys(omdb: Emulator, key: str | None) -> None:
    response = fetch(omdb, apikey=key, i=ID)
    error = "Invalid API key!" if key else "No API key provided."
    assert (response.status, response.error) == (401, error)
    assert response.headers["x-powered-by"] == "ASP.NET"
    assert omdb.stats()["unauthorized"] == {"invalid_key" if key else "no_key": 1}


@pytest.mark.parametrize("key", ["", "00000000"])
def test_angle_bracket_is_a_server_error_even_without_key(omdb: Emulator, key: str) -> None:
    response = fetch(omdb, apikey=key, s="<b>")
    assert response.status == 500
    assert b"Server Error in '/' Application." in response.body


def test_daily_limit_counts_by_key_and_utc_day() -> None:
    with Emulator([], keys={"aaaa0000": 2, "bbbb0000": None}) as emulator:
        emulator.set_date(date(2024, 12, 31))
        assert [fetch(emulator, i=ID).status for _ in range(3)] == [200, 200, 401]
        rejected = fetch(emulator, i=ID)
        assert rejected.error == "Request limit reached!"
        assert "retry-after" not in rejected.headers
        assert fetch(emulator, apikey="bbbb0000", i=ID).status == 200
        assert emulator.stats()["unauthorized"] == {"limit": 2}
        assert emulator.keys() == {
            "aaaa0000": {"limit": 2, "used_today": 2},
            "bbbb0000": {"limit": None, "used_today": 1},
        }
        emulator.advance_days()
        assert [fetch(emulator, s="the").status for _ in range(3)] == [200, 200, 401]
        dated = fetch(emulator, apikey="bbbb0000", i=ID).headers["date"]
        assert parsedate_to_datetime(dated).date() == date(2025, 1, 1)


def test_keys_can_be_added_limited_and_removed(omdb: Emulator) -> None:
    omdb.set_key("12345678", limit=1)
    assert [fetch(omdb, apikey="12345678", i=ID).status for _ in range(2)] == [200, 401]
    omdb.set_key("12345678", limit=None)
    assert fetch(omdb, apikey="12345678", i=ID).status == 200
    omdb.remove_key("12345678")
    assert fetch(omdb, apikey="12345678", i=ID).error == "Invalid API key!"


def test_shared_cache_keeps_errors_of_keys_too() -> None:
    with Emulator([title_line(ID, "Inception")], keys={"aaaa0000": 1}, cache=True) as emulator:
        first, again = fetch(emulator, i=ID), fetch(emulator, i=ID)
        assert (first.headers["cf-cache-status"], "age" in first.headers) == ("MISS", False)
        assert (again.headers["cf-cache-status"], again.headers["age"].isdigit()) == ("HIT", True)
        assert again.body == first.body
        assert fetch(emulator, s="inception").status == 401
        emulator.set_key("aaaa0000", limit=None)
        emulator.advance_days(0.5)
        still_rejected = fetch(emulator, s="inception")
        assert still_rejected.status == 401
        assert still_rejected.headers["cf-cache-status"] == "HIT"
        age = int(still_rejected.headers["age"])
        assert age >= 43200
        modified = parsedate_to_datetime(still_rejected.headers["last-modified"])
        sent = parsedate_to_datetime(still_rejected.headers["date"])
        assert abs((sent - modified).total_seconds() - age) <= 1
        assert fetch(emulator, s="inception", past="1").status == 200
        emulator.advance_days(0.6)
        expired = fetch(emulator, s="inception")
        assert (expired.status, expired.headers["cf-cache-status"]) == (200, "EXPIRED")
        assert emulator.stats()["cache_hits"] == 2


def test_stats_and_log_contain_each_request(omdb: Emulator) -> None:
    fetch(omdb, i=ID, plot="full")
    fetch(omdb, s="castle", Type="series")
    fetch(omdb, t="castle rock", Season="1")
    fetch(omdb, t="castle rock", Season="1", Episode="1")
    fetch(omdb, t="castle")
    fetch(omdb, apikey="bad", y="2010")
    kinds = ("details", "search", "season", "episode", "title", "invalid")
    assert omdb.stats() == {
        "requests": 6,
        "by_key": {omdb.key: 5, "bad": 1},
        "by_kind": dict.fromkeys(kinds, 1),
        "by_status": {"200": 5, "401": 1},
        "unauthorized": {"invalid_key": 1},
        "faults": {},
        "cache_hits": 0,
        "in_flight": 0,
        "peak_in_flight": 1,
    }
    log = omdb.requests()
    assert [(one["number"], one["kind"]) for one in log] == list(enumerate(kinds))
    search = log[1]
    assert search["query"] == {"s": "castle", "type": "series"}
    assert (search["key"], search["status"]) == (omdb.key, 200)
    assert (search["fault"], search["cached"]) == (None, False)
    omdb.settings(log=False)
    assert fetch(omdb, i=ID).status == 200
    assert len(omdb.requests()) == len(kinds)


def test_reset_keeps_settings(omdb: Emulator) -> None:
    omdb.set_latency(1)
    omdb.fault("unavailable")
    omdb.advance_days(3)
    fetch(omdb, i=ID)
    omdb.reset()
    assert fetch(omdb, i=ID).status == 200
    assert omdb.stats()["requests"] == len(omdb.requests()) == 1
    assert omdb.settings()["latency_ms"] == 1


def test_latency_holds_many_requests_at_once(omdb: Emulator) -> None:
    omdb.set_latency(200)
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: fetch(omdb, i=ID), range(20)))
    took = time.monotonic() - started
    assert all(response.status == 200 for response in responses)
    assert 0.2 <= took < 3
    assert omdb.stats()["peak_in_flight"] > 10


def test_titles_can_be_added_changed_and_removed(omdb: Emulator) -> None:
    omdb.add_title(title_line("tt0424242", "Brand New", Year="2024", PlotFull="All of it."))
    assert fetch(omdb, s="brand").json["Search"][0]["imdbID"] == "tt0424242"
    omdb.update_title("tt0424242", imdbRating="9.9", imdbVotes="12")
    changed = fetch(omdb, i="tt0424242", plot="full").json
    assert (changed["imdbRating"], changed["Plot"]) == ("9.9", "All of it.")
    assert list(changed)[-1] == "Response"
    assert omdb.title("tt0424242")["imdbVotes"] == "12"
    assert "tt0424242" in omdb.titles()
    omdb.update_title("tt0000012", Season="2")
    seasons = [fetch(omdb, i="tt0000010", Season=season).json["Episodes"] for season in "12"]
    assert [[one["imdbID"][-2:] for one in season] for season in seasons] == [
        ["11", "13"],
        ["14", "12"],
    ]
    omdb.update_title(ID, Emulator={"merged_into": "tt0424242"})
    assert fetch(omdb, i=ID).json["imdbID"] == "tt0424242"
    omdb.remove_title("tt0424242")
    assert fetch(omdb, i="tt0424242").error == "Error getting data."


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "settings", {"speed": 1}, "unknown field `speed`"),
        ("POST", "settings", {"cache": "yes"}, r"Expected `bool`, got `str` - at `\$.cache`"),
        ("POST", "settings", {"ratings_lag_days": -1}, r"`int` >= 0 - at `\$.ratings_lag_days`"),
        ("POST", "clock", {"date": "tomorrow"}, r"at `\$.date`"),
        ("POST", "clock", {"hour": 1}, "unknown field `hour`"),
        ("PUT", "keys/abc", {"limit": -1}, r"Expected `int` >= 0 - at `\$.limit`"),
        ("POST", "titles", {"imdbID": "1"}, "imdbID must be tt and 7 or 8 digits"),
        ("PATCH", f"titles/{ID}", {"imdbID": "tt0000001"}, "imdbID cannot change"),
        ("PATCH", "titles/tt7654321", {}, "no such title"),
        ("DELETE", "titles/tt7654321", None, "no such title"),
        ("GET", "titles/nonsense", None, "no such title"),
        ("DELETE", "faults/99", None, "no fault with this number"),
        ("DELETE", "keys/nope", None, "no such key"),
        ("POST", "settings", [], "Expected `object`"),
        ("GET", "nothing", None, "Not Found"),
        ("POST", "faults", {"effect": "nonsense"}, r"at `\$.effect`; known are response, error,"),
        ("POST", "faults", {"effect": "cut", "wen": 1}, "unknown field `wen`; known are effect,"),
        ("POST", "faults", {"effect": "response", "status": 99}, r">= 200 - at `\$.status`"),
        ("POST", "faults", {"effect": "large_body", "megabytes": 0}, r">= 1 - at `\$.megabytes`"),
    ],
)
def test_invalid_control_calls_are_rejected(
    omdb: Emulator, method: str, path: str, body: object, message: str
) -> None:
    before = omdb.settings()
    with pytest.raises(ControlError, match=message):
        omdb._call(method, path, body)  # noqa: SLF001
    assert omdb.settings() == before
    assert omdb.faults() == []


def test_other_paths_are_not_found(omdb: Emulator) -> None:
    assert fetch(omdb, path="/favicon.ico").status == 404
    assert omdb.stats()["requests"] == 0


def control(emulator: Control, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Send one request to a control endpoint as a browser would; return status and error."""
    connection = connect(emulator)
    connection.request(method, f"/__emulator__/{path}", b'{"latency_ms": 1}', headers)
    response = connection.getresponse()
    result = response.status, str(json.load(response).get("error"))
    connection.close()
    return result


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1"])
def test_control_rejects_other_origins(omdb: Emulator, origin: str) -> None:
    omdb.fault("unavailable")
    for method, path in (("POST", "settings"), ("DELETE", "faults"), ("GET", "stats")):
        rejected = control(omdb, method, path, Origin=origin, **{"Content-Type": "text/plain"})
        assert rejected == (403, f"the origin {origin} is not allowed")
    assert omdb.settings()["latency_ms"] == 0
    assert len(omdb.faults()) == 1


@pytest.mark.parametrize(
    "host", ["example.org", "example.org:80", "127.0.0.1.example.org", "localhost.", " ", "a b"]
)
def test_control_rejects_other_hosts(omdb: Emulator, host: str) -> None:
    for method, path in (("POST", "settings"), ("GET", "stats"), ("GET", "nothing")):
        status, error = control(omdb, method, path, Host=host, Origin=f"http://{host.strip()}")
        assert (status, error) == (400, f"the host {host.strip()!r} is not allowed")
    assert omdb.settings()["latency_ms"] == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:15500", "[::1]:80"])
def test_control_accepts_loopback_hosts_and_its_own_origin(omdb: Emulator, host: str) -> None:
    assert control(omdb, "POST", "settings", Host=host)[0] == 200
    assert control(omdb, "POST", "settings", Host=host, Origin=f"http://{host}")[0] == 200
    assert omdb.settings()["latency_ms"] == 1


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


def test_data_is_served_to_every_origin_as_omdb_does(omdb: Emulator) -> None:
    response = fetch(omdb, {"Origin": "https://example.org", "Host": "example.org"}, i=ID)
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] == "*"
