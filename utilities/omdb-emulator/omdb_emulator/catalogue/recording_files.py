"""Loading recorded responses from files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from omdb_emulator.catalogue.titles import (
    Title,
    TitleError,
    at_line,
    json_lines,
    title_from_line,
    to_json,
)
from omdb_emulator.query import parse_query

if TYPE_CHECKING:
    from pathlib import Path

    from omdb_emulator.catalogue.store import TitleStore

_UNAUTHORIZED = 401
_LISTING_KEYS = ("Title", "Season", "totalSeasons", "Episodes")


def add_recorded(store: TitleStore, path: Path) -> None:
    """Serve the responses in a file of JSON lines.

    A line is one of these; of several about the same thing the last one counts:

    - details (``imdbID``), served compactly with the keys and values as they are;
    - a season listing (``Episodes``), served for the series of its title;
    - a page of search results (``Search``). Since it does not contain the search term, its results
      become titles that searches find, and whose details are "Error getting data.";
    - a whole exchange (``uri``, ``status``, ``body``), served for exactly the same parameters.
      401s are skipped, since the emulator checks keys itself. The content of the body is added
      as well.

    Raises:
        TitleError: naming the file and line of a line that is none of these.
        OSError: if the file cannot be read.
    """
    for number, line in json_lines(path):
        with at_line(path, number):
            if "uri" in line:
                _add_exchange(store, line)
            else:
                _add_response(store, line)


def _add_exchange(store: TitleStore, line: dict[str, Any]) -> None:
    body, status = line.get("body"), line.get("status")
    if not isinstance(body, str) or not isinstance(status, int):
        msg = "an exchange needs status (a number) and body (a string)"
        raise TitleError(msg)
    if status == _UNAUTHORIZED:
        return
    query = parse_query(urlsplit(line["uri"]).query.encode())
    store.recordings.put_exchange(query, status, body.encode())
    try:
        response = json.loads(body)
    except ValueError:
        return
    if isinstance(response, dict) and response.get("Response") != "False":
        _add_response(store, response)


def _add_response(store: TitleStore, response: dict[str, Any]) -> None:
    if "Search" in response:
        for result in response["Search"]:
            if store.get(result["imdbID"]) is None:
                store.put(Title(details=result, error="Error getting data."))
    elif "Episodes" in response:
        _add_listing(store, response)
    elif "imdbID" in response:
        store.put(title_from_line(response))
    else:
        msg = "neither details, a season listing, a page of search results nor an exchange"
        raise TitleError(msg)


def _add_listing(store: TitleStore, response: dict[str, Any]) -> None:
    try:
        listing = {name: response[name] for name in _LISTING_KEYS}
        season = int(listing["Season"])
    except (KeyError, ValueError):
        msg = f"a season listing needs {', '.join(_LISTING_KEYS)}"
        raise TitleError(msg) from None
    # Some recordings have a boolean as Response.
    store.recordings.put_listing(listing["Title"], season, to_json({**listing, "Response": "True"}))
