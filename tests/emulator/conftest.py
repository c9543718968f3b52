from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

import pytest
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLES = Path(__file__).with_name("titles.jsonl")


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


class Fetch(Protocol):
    def __call__(
        self,
        emulator: Emulator,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
        /,
        **query: object,
    ) -> Response: ...


def _fetch(
    emulator: Emulator,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
    /,
    **query: object,
) -> Response:
    target = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=timeout)
    given = {"apikey": emulator.key, **query}
    try:
        connection.request("GET", f"/?{urlencode(given)}", headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    return Response(response.status, {n.lower(): v for n, v in response.getheaders()}, body)


@pytest.fixture(scope="session")
def fetch() -> Fetch:
    """Send one request to an emulator, on a new connection, without following redirects."""
    return _fetch


@pytest.fixture
def omdb() -> Iterator[Emulator]:
    """An emulator for one test, with the titles of ``titles.jsonl``."""
    with Emulator(catalogue=TITLES) as emulator:
        yield emulator
