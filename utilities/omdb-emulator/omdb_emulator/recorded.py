"""Recorded replies, served as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from omdb_emulator.protocol import parse_query
from omdb_emulator.titles import Title, TitleError, at_line, json_lines, title_from_line, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from omdb_emulator.library import Library

_UNAUTHORIZED = 401
_LISTING = ("Title", "Season", "totalSeasons", "Episodes")


def add_recorded(library: Library, path: Path) -> None:
    """Make a library answer what a file of recorded replies holds, one JSON object a line.

    A line is one of these; of several about the same thing the last one counts:

    - details (``imdbID``), served compactly with keys and values as they are;
    - a season listing (``Episodes``), served for the series of its title;
    - a page of a search (``Search``): since it does not say what was searched for, its hits
      become titles that searches find, and whose details OMDb could not get;
    - a whole exchange (``uri``, ``status``, ``body``), served for exactly the same parameters,
      but for 401s, since the emulator checks keys itself; what its body holds is added too.

    Raises:
        TitleError: naming file and line of a line that is none of these.
        OSError: if the file cannot be read.
    """
    for number, line in json_lines(path):
        with at_line(path, number):
            if "uri" in line:
                _add_exchange(library, line)
            else:
                _add_reply(library, line)


def _add_exchange(library: Library, line: dict[str, Any]) -> None:
    body, status = line.get("body"), line.get("status")
    if not isinstance(body, str) or not isinstance(status, int):
        msg = "an exchange needs status (a number) and body (a text)"
        raise TitleError(msg)
    if status == _UNAUTHORIZED:
        return
    query = parse_query(urlsplit(line["uri"]).query.encode())
    library.keep_exchange(query, status, body.encode())
    try:
        reply = json.loads(body)
    except ValueError:
        return
    if isinstance(reply, dict) and reply.get("Response") != "False":
        _add_reply(library, reply)


def _add_reply(library: Library, reply: dict[str, Any]) -> None:
    if "Search" in reply:
        for hit in reply["Search"]:
            if library.get(hit["imdbID"]) is None:
                library.put(Title(details=hit, error="Error getting data."))
    elif "Episodes" in reply:
        _add_listing(library, reply)
    elif "imdbID" in reply:
        library.put(title_from_line(reply))
    else:
        msg = "neither details, a season listing, a page of a search nor an exchange"
        raise TitleError(msg)


def _add_listing(library: Library, reply: dict[str, Any]) -> None:
    try:
        listing = {name: reply[name] for name in _LISTING}
        season = int(listing["Season"])
    except (KeyError, ValueError):
        msg = f"a season listing needs {', '.join(_LISTING)}"
        raise TitleError(msg) from None
    # Some collectors turned Response into a boolean.
    library.keep_listing(listing["Title"], season, to_json({**listing, "Response": "True"}))
