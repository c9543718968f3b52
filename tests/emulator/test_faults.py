from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import ID, connect, fetch


def wait_for_requests(omdb: Emulator, in_flight: int) -> None:
    deadline = time.monotonic() + 5
    while omdb.stats()["in_flight"] != in_flight:
        assert time.monotonic() < deadline, omdb.stats()
        time.sleep(0.005)


@contextlib.contextmanager
def unread(omdb: Emulator) -> Iterator[http.client.HTTPResponse]:
    """Yield the response to a request, disconnect without reading it, and wait until it ends."""
    connection = connect(omdb)
    connection.request("GET", f"/?apikey={omdb.key}&i={ID}")
    yield connection.getresponse()
    connection.close()
    wait_for_requests(omdb, 0)


@pytest.mark.parametrize(
    ("effect", "status", "content_type", "body"),
    [
        ("cloudflare", 522, "text/html; charset=UTF-8", b"522: Connection timed out"),
        ("unavailable", 503, "text/html", b"The service is unavailable."),
        ("aspnet", 500, "text/html; charset=utf-8", b"Server Error in '/' Application."),
        ("html", 200, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("empty", 200, "application/json; charset=utf-8", b""),
    ],
)
def test_bodies_that_are_not_json(
    omdb: Emulator, effect: str, status: int, content_type: str, body: bytes
) -> None:
    omdb.fault(effect)
    response = fetch(omdb, i=ID)
    assert (response.status, response.headers["content-type"]) == (status, content_type)
    assert body in response.body
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(response.body)


@pytest.mark.parametrize("status", [403, 429, 503, 520, 521, 522, 524])
def test_cloudflare_pages(omdb: Emulator, status: int) -> None:
    omdb.fault("cloudflare", status=status, retry_after=7)
    response = fetch(omdb, i=ID)
    assert response.status == status
    assert response.headers["server"] == "cloudflare"
    assert response.headers["retry-after"] == "7"
    assert "x-aspnet-version" not in response.headers
    assert str(status).encode() in response.body


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


def test_error_of_one_kind_of_request(omdb: Emulator) -> None:
    omdb.fault("error", kind="details")
    assert fetch(omdb, i=ID).error == "Error getting data."
    assert fetch(omdb, s="castle").error is None


def test_truncated_body_is_whole_as_http(omdb: Emulator) -> None:
    true = fetch(omdb, i=ID).body
    omdb.fault("truncated", fraction=0.25)
    assert fetch(omdb, i=ID).body == true[: len(true) // 4]


@pytest.mark.parametrize("effect", ["bad_escape", "unescaped_quote", "control_characters"])
@pytest.mark.parametrize("query", [{"i": ID}, {"s": "castle"}, {"i": "tt7654321"}])
def test_broken_json(omdb: Emulator, effect: str, query: dict[str, str]) -> None:
    omdb.fault(effect)
    response = fetch(omdb, **query)
    assert response.status == 200
    with pytest.raises(ValueError, match=r"escape|delimiter|control character"):
        json.loads(response.body)
    if effect == "control_characters":
        assert r"\x1f\x08" in str(json.loads(response.body, strict=False))


def test_json_that_is_not_an_object(omdb: Emulator) -> None:
    omdb.fault("not_object", times=1)
    omdb.fault("not_object", body="null")
    assert [fetch(omdb, i=ID).json for _ in range(2)] == [[], None]


def test_wrong_charsets(omdb: Emulator) -> None:
    omdb.fault("latin1", times=1)
    response = fetch(omdb, i=ID)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    with pytest.raises(UnicodeDecodeError):
        response.body.decode()
    assert "Café Ærø" in json.loads(response.body.decode("cp1252"))["Plot"]
    omdb.fault("utf8_as_latin1")
    response = fetch(omdb, i=ID)
    assert response.headers["content-type"] == "application/json; charset=iso-8859-1"
    assert "Café Ærø" in response.json["Plot"]


def test_delay_comes_before_the_first_byte(omdb: Emulator) -> None:
    omdb.fault("delay", seconds=0.3)
    with pytest.raises(TimeoutError):
        fetch(omdb, None, 0.1, i=ID)
    started = time.monotonic()
    assert fetch(omdb, i=ID).error is None
    assert time.monotonic() - started >= 0.3


def test_slow_body_sends_headers_at_once(omdb: Emulator) -> None:
    true = fetch(omdb, i=ID).body
    omdb.fault("slow_body", seconds=0.3)
    started = time.monotonic()
    with unread(omdb) as response:
        assert time.monotonic() - started < 0.2
        assert response.read() == true
    assert time.monotonic() - started >= 0.25


def test_dripping_body_arrives_byte_by_byte(omdb: Emulator) -> None:
    true = fetch(omdb, i=ID).body
    omdb.fault("dripping_body", seconds=0.1)
    with unread(omdb) as response:
        assert response.getheader("content-length") == str(len(true))
        started = time.monotonic()
        assert response.read(5) == true[:5]
        assert 0.3 < time.monotonic() - started < 2
    omdb.clear_faults()
    omdb.fault("dripping_body", seconds=0)
    assert fetch(omdb, i=ID).body == true


def test_endless_body_ends_when_the_client_disconnects(omdb: Emulator) -> None:
    omdb.fault("endless_body", {"i": ID})
    with unread(omdb) as response:
        assert response.getheader("content-length") is None
        assert response.read(12) == b'{"Title":"xx'
        for _ in range(20):
            assert response.read(1_000_000) == b"x" * 1_000_000
        assert fetch(omdb, i="tt0000002").error is None
        assert omdb.stats()["in_flight"] == 1


@pytest.mark.parametrize("effect", ["endless_body", "large_body", "gzip_bomb"])
def test_client_that_does_not_read_takes_no_memory(omdb: Emulator, effect: str) -> None:
    omdb.fault(effect)
    before = psutil.Process().memory_info().rss
    with unread(omdb):
        time.sleep(0.3)
        assert psutil.Process().memory_info().rss - before < 30_000_000


@pytest.mark.parametrize(("megabytes", "size"), [(3, 3), (None, 200)])
def test_large_body_is_valid_json(omdb: Emulator, megabytes: int | None, size: int) -> None:
    omdb.fault("large_body", megabytes=megabytes)
    response = fetch(omdb, None, 60, i=ID)
    assert response.headers["content-length"] == str(len(response.body))
    check_large(response.body, size)


def test_gzip_bomb_is_small_until_decoded(omdb: Emulator) -> None:
    omdb.fault("gzip_bomb", megabytes=3)
    response = fetch(omdb, i=ID)
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.body) < 6000
    check_large(gzip.decompress(response.body), 3)


def check_large(body: bytes, megabytes: int) -> None:
    assert body.startswith(b'{"Title":"xx')
    assert body.endswith(b'xx","Response":"True"}')
    assert len(body) - body.count(b"x") < 50
    assert 0 < len(body) - megabytes * 1_000_000 < 100


def test_other_requests_are_served_meanwhile(omdb: Emulator) -> None:
    omdb.fault("gzip_bomb", {"i": ID}, megabytes=50)
    with ThreadPoolExecutor(4) as pool:
        bombs = [pool.submit(fetch, omdb, None, 60, i=ID) for _ in range(4)]
        wait_for_requests(omdb, 4)
        started = time.monotonic()
        assert fetch(omdb, i="tt0000002").error is None
        assert time.monotonic() - started < 0.3
        assert all(bomb.result().status == 200 for bomb in bombs)


@pytest.mark.parametrize(
    ("effect", "reset", "raised"),
    [
        ("cut", False, http.client.RemoteDisconnected),
        ("cut", True, ConnectionResetError),
        ("cut_body", False, http.client.IncompleteRead),
    ],
)
def test_connection_that_is_cut(
    omdb: Emulator, effect: str, *, reset: bool, raised: type[Exception]
) -> None:
    omdb.fault(effect, times=1, reset=reset, fraction=0.25)
    with pytest.raises(raised) as caught:
        fetch(omdb, i=ID)
    whole = fetch(omdb, i=ID).body
    assert omdb.stats()["by_status"] == {"0": 1, "200": 1}
    if isinstance(caught.value, http.client.IncompleteRead):
        assert caught.value.partial == whole[: len(whole) // 4]


def test_cached_401_is_only_in_the_cache(omdb: Emulator) -> None:
    omdb.fault("cached_401", message="Invalid API key!", age=1486)
    cached = fetch(omdb, i=ID)
    assert (cached.status, cached.error) == (401, "Invalid API key!")
    assert cached.headers["cf-cache-status"] == "HIT"
    assert cached.headers["age"] == "1486"
    assert fetch(omdb, i=ID, past="1").status == 200
    assert fetch(omdb, {"Cache-Control": "no-cache"}, i=ID).status == 200
    omdb.settings(honour_no_cache=False)
    assert fetch(omdb, {"Cache-Control": "no-cache"}, i=ID).status == 401
    assert omdb.keys()[omdb.key]["used_today"] == 2


def test_redirects(omdb: Emulator) -> None:
    omdb.fault("redirect", times=1)
    omdb.fault("redirect", status=307, location="http://localhost:1/x?{query}")
    same, other = fetch(omdb, i=ID), fetch(omdb, i=ID)
    assert same.status == 302
    assert same.headers["location"] == f"/?apikey={omdb.key}&i={ID}&redirected=1"
    assert other.status == 307
    assert other.headers["location"] == f"http://localhost:1/x?apikey={omdb.key}&i={ID}"
    assert fetch(omdb, i=ID, redirected="1").json["imdbID"] == ID


def test_hang_ends_with_its_fault(omdb: Emulator) -> None:
    number = omdb.fault("hang", times=1)
    with ThreadPoolExecutor() as pool:
        response = pool.submit(fetch, omdb, i=ID)
        wait_for_requests(omdb, 1)
        assert fetch(omdb, i="tt0000002").error is None
        assert not response.done()
        omdb.remove_fault(number)
        assert response.result().json["imdbID"] == ID
    assert omdb.stats()["in_flight"] == 0


def test_client_that_leaves_ends_a_hanging_request(omdb: Emulator) -> None:
    omdb.fault("hang")
    with pytest.raises(TimeoutError):
        fetch(omdb, None, 0.1, i=ID)
    wait_for_requests(omdb, 0)


@pytest.mark.parametrize("effect", ["hang", "endless_body"])
def test_emulator_ends_at_once_though_requests_do_not(effect: str) -> None:
    with Emulator([title_line(ID, "Inception")]) as emulator:
        emulator.fault(effect)
        connection = connect(emulator)
        connection.request("GET", f"/?apikey={emulator.key}&i={ID}")
        wait_for_requests(emulator, 1)
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
    first, second = omdb.faults()
    assert (first["hits"], second["hits"]) == (2, 1)
    assert omdb.stats()["faults"] == {str(first["id"]): 2, str(second["id"]): 1}


def test_probability_is_repeatable_by_seed(omdb: Emulator) -> None:
    def run(seed: int) -> list[int]:
        number = omdb.fault("unavailable", probability=0.5, seed=seed)
        statuses = [fetch(omdb, i=ID).status for _ in range(40)]
        omdb.remove_fault(number)
        return statuses

    first = run(7)
    assert first == run(7)
    assert first != run(8)
    assert 8 < first.count(503) < 32


def test_faults_of_the_edge_do_not_spend_the_limit() -> None:
    with Emulator([], keys={"abc": 1}) as emulator:
        emulator.fault("cloudflare", times=3)
        statuses = [fetch(emulator, i=ID).status for _ in range(5)]
    assert statuses == [522, 522, 522, 200, 401]
