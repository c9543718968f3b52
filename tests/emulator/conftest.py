from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from omdb_emulator.client import Control
from omdb_emulator.testing import Emulator

ID = "tt1375666"
TITLES = Path(__file__).with_name("titles.jsonl")
RECORDED = Path(__file__).parents[3] / "shared" / "omdb-recorded"

Fields = dict[str, Any]

needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"{RECORDED} is not there")


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)

    @property
    def error(self) -> str | None:
        error: str | None = self.json.get("Error")
        return error


def connect(emulator: Control) -> http.client.HTTPConnection:
    target = urlsplit(emulator.url)
    return http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)


def fetch(
    emulator: Control, headers: Mapping[str, str] | None = None, /, path: str = "/", **query: object
) -> Response:
    """Send one request on a new connection, without following redirects."""
    connection = connect(emulator)
    query = {"apikey": getattr(emulator, "key", None), **query}
    given = {name: value for name, value in query.items() if value is not None}
    try:
        connection.request("GET", f"{path}?{urlencode(given)}", headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    return Response(response.status, {n.lower(): v for n, v in response.getheaders()}, body)


@pytest.fixture
def omdb() -> Iterator[Emulator]:
    """An emulator for one test, with the titles of ``titles.jsonl``."""
    with Emulator(catalogue=TITLES) as emulator:
        yield emulator
