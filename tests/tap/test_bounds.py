"""Whatever a server sends, a response is bounded in size and time, and others are not held up."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from tap_omdb.transport.session import MAX_BODY_BYTES

from tests.tap.conftest import Config, RunTap

BAD = "tt0000009"
GOOD = ["tt0000001", "tt0000002", "tt0000003"]
MEGABYTE = 2**20
PEAK = """
import sys
from pathlib import Path
from tap_omdb.tap import TapOMDb
try:
    TapOMDb.cli(sys.argv[1:])
finally:
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024, file=sys.stderr)
"""


def title(imdb_id: str) -> bytes:
    text = f'{{"Title":"A","Year":"2010","imdbID":"{imdb_id}","Type":"movie","Response":"True"}}'
    return text.encode()


def whole(body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def endless(connection: socket.socket, status: bytes = b"200 OK") -> None:
    connection.sendall(b"HTTP/1.1 " + status + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b'{"Title": "' + b"x" * (65536 - 11) + b"\r\n"
    for _ in range(20_000):  # more than a gigabyte, if anybody reads it
        connection.sendall(chunk)


def large(connection: socket.socket) -> None:
    size = 200 * MEGABYTE
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    for _ in range(200):
        connection.sendall(b"x" * MEGABYTE)


@cache
def packed() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b" " * MEGABYTE) for _ in range(300)), packer.flush()])


def bomb(connection: socket.socket) -> None:
    connection.sendall(whole(packed(), "Content-Encoding: gzip\r\n"))


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(300):
        connection.sendall(b" ")
        time.sleep(0.3)


def redirected(connection: socket.socket) -> None:
    endless(connection, b"302 Found\r\nLocation: /?i=tt0000009")


@contextmanager
def server(send: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[str]]]:
    """Serve `GOOD` as they are and `BAD` by `send`; yield the URL and the ids requested."""
    requested: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while request := connection.recv(65536):
                imdb_id = request.partition(b"i=")[2][:9].decode()
                requested.append(imdb_id)
                if imdb_id == BAD:
                    send(connection)
                    return
                connection.sendall(whole(title(imdb_id)))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", requested
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("send", "reason", "message"),
    [
        (endless, "response_too_large", "larger than 16 MB"),
        (large, "response_too_large", "larger than 16 MB"),
        (bomb, "response_too_large", "larger than 16 MB"),
        (dripping, "http_error", "not complete after 2 s"),
    ],
)
def test_a_response_beyond_the_limits_is_one_reject(
    sync: RunTap, config: Config, send: Callable[[socket.socket], None], reason: str, message: str
) -> None:
    packed()  # takes longer than the timeout
    started = time.monotonic()
    with server(send) as (url, requested):
        run = sync(
            {
                **config,
                "api_url": url,
                "imdb_ids": [BAD, *GOOD],
                "timeout": 1,
                "max_retry_time": 60,
                "concurrency": 2,
            }
        )
    assert sorted(run.ids("movies")) == GOOD
    [reject] = run.records("rejects")
    assert (reject["imdb_id"], reject["reason"], reject["http_status"]) == (BAD, reason, 200)
    assert message in reject["message"]
    assert requested.count(BAD) == 2, "one retry at most"
    assert run.exit_code == 0
    assert time.monotonic() - started < 30


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("send", [endless, bomb, redirected])
def test_memory_is_bounded(
    config: Config, tmp_path: Path, send: Callable[[socket.socket], None]
) -> None:
    path = tmp_path / "config.json"
    with server(send) as (url, _):
        ids = ",".join(f'"{imdb_id}"' for imdb_id in [BAD, *GOOD])
        path.write_text(
            f'{{"api_key": "{config["api_key"]}", "api_url": "{url}", "imdb_ids": [{ids}],'
            f' "timeout": 1, "max_retry_time": 5}}',
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "--config", path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    megabytes = int(done.stderr.splitlines()[-1])
    assert megabytes < 200, done.stderr


def test_the_largest_season_is_far_below_the_limit(sync: RunTap, config: Config) -> None:
    run = sync({**config, "imdb_ids": ["tt0185906"], "types": ["series", "episode"]})
    largest = max(len(str(record)) for record in run.records("episodes")) * 60
    assert largest * 10 < MAX_BODY_BYTES


def test_control_characters_reach_no_log(sync: RunTap, config: Config) -> None:
    hostile = r'{"Response":"False","Error":"\u001b[31mRed\u202e\u0007 not a key"}'

    def send(connection: socket.socket) -> None:
        connection.sendall(whole(hostile.encode()))

    with server(send) as (url, _):
        run = sync({**config, "api_url": url, "imdb_ids": [BAD], "search_terms": ["man*"]})
    assert not {"\x1b", "\u202e", "\x07"} & {*run.log}
    assert any("\x1b[31m" in reject["message"] for reject in run.records("rejects")), "raw has it"
