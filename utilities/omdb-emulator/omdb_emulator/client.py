"""A typed client for the control endpoints of a running emulator."""

from __future__ import annotations

# The control endpoints take and return JSON of any shape.
# ruff: noqa: ANN401
import http.client
import json
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from omdb_emulator import CONTROL_PATH

_OK = 200


class ControlError(RuntimeError):
    """The emulator rejected the call; the message is its own."""


class Control:
    """Reads and changes a running emulator.

    Attributes:
        url: the emulator's URL, for the client under test: ``http://127.0.0.1:15500/``.
    """

    def __init__(self, url: str, timeout: float = 30) -> None:
        """Control the emulator at a URL; ``timeout`` in seconds."""
        self.url = url
        self._timeout = timeout

    def health(self) -> dict[str, Any]:
        """Return status, version, number of titles and process id."""
        return dict(self._call("GET", "health"))

    def fault(
        self, effect: str, match: dict[str, str | bool] | None = None, **settings: Any
    ) -> int:
        """Add a fault and return its number.

        Args:
            effect: a name in :data:`omdb_emulator.faults.Effect`.
            match: parameter → value, true (present) or false (absent); None matches everything.
            settings: the other attributes of :class:`omdb_emulator.faults.Fault`.

        Raises:
            ControlError: if there is no such effect or attribute.
        """
        body = {"effect": effect, "match": match or {}, **settings}
        return int(self._call("POST", "faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the active faults, each with its ``id`` and ``hits``."""
        return list(self._call("GET", "faults"))

    def remove_fault(self, number: int) -> None:
        """Remove one fault."""
        self._call("DELETE", f"faults/{number}")

    def clear_faults(self) -> None:
        """Remove all faults; requests that hang continue."""
        self._call("DELETE", "faults")

    def stats(self) -> dict[str, Any]:
        """Return the counts of :class:`omdb_emulator.state.Stats`."""
        return dict(self._call("GET", "stats"))

    def requests(self) -> list[dict[str, Any]]:
        """Return the logged requests.

        Each has number, at, key, kind, query (parameters by lower-case name, without the key),
        status (0 for a cut connection), and fault (number or None).
        """
        return list(self._call("GET", "requests"))

    def reset(self) -> None:
        """Clear counts, log, faults, used quotas and the moved clock.

        Settings, keys and titles are kept.
        """
        self._call("POST", "reset")

    def settings(self, **values: Any) -> dict[str, Any]:
        """Change settings of :class:`omdb_emulator.settings.Settings`; return all of them."""
        return dict(self._call("POST", "settings", values))

    def set_latency(self, milliseconds: float) -> None:
        """Delay every response by this time."""
        self.settings(latency_ms=milliseconds)

    def advance_days(self, days: float = 1) -> None:
        """Move the emulator's clock forward: daily limits are reset."""
        self._call("POST", "clock", {"advance_days": days})

    def set_date(self, day: date) -> None:
        """Move the emulator's clock to this day."""
        self._call("POST", "clock", {"date": day.isoformat()})

    def keys(self) -> dict[str, dict[str, Any]]:
        """Return ``limit`` and ``used_today`` by key."""
        return dict(self._call("GET", "keys"))

    def set_key(self, key: str, limit: int | None = None) -> None:
        """Add or change a key; ``limit`` in requests a day, None for no limit."""
        self._call("PUT", f"keys/{quote(key, safe='')}", {"limit": limit})

    def remove_key(self, key: str) -> None:
        """Remove a key: requests with it are "Invalid API key!"."""
        self._call("DELETE", f"keys/{quote(key, safe='')}")

    def title(self, imdb_id: str) -> dict[str, Any]:
        """Return the details of a title, without a request being counted."""
        return dict(self._call("GET", f"titles/{imdb_id}"))

    def titles(self) -> list[str]:
        """Return the ids of all titles but generated ones."""
        return list(self._call("GET", "titles"))

    def add_title(self, line: dict[str, Any]) -> None:
        """Add a title, or replace the one with its id; ``line`` as in the catalogue."""
        self._call("POST", "titles", line)

    def update_title(self, imdb_id: str, **fields: Any) -> dict[str, Any]:
        """Change fields of a title, such as ``imdbRating="7.1"``; return its details."""
        return dict(self._call("PATCH", f"titles/{imdb_id}", fields))

    def remove_title(self, imdb_id: str) -> None:
        """Remove a title: its id is unknown."""
        self._call("DELETE", f"titles/{imdb_id}")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        target = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            target.hostname or "", target.port, timeout=self._timeout
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"{CONTROL_PATH}/{path}", payload)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != _OK:
            raise ControlError(_message(text))
        return json.loads(text)


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:200]
