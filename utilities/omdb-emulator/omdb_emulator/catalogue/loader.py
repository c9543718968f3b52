"""Loading titles: the built-in catalogue, files, recorded responses, generated titles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import Title, TitleError, json_lines, title_from_line, to_json
from omdb_emulator.protocol import parse_query

_DIRECTORY = Path(str(files("omdb_emulator.catalogue")))
#: The file of the built-in catalogue.
CATALOGUE = _DIRECTORY / "titles.jsonl"
#: A file of titles whose texts attack or confuse whatever shows, stores or logs them.
HOSTILE_CATALOGUE = _DIRECTORY / "hostile.jsonl"

_UNAUTHORIZED = 401
_LISTING_KEYS = ("Title", "Season", "totalSeasons", "Episodes")


def load(
    catalogues: Iterable[Path] = (),
    recorded: Iterable[Path] = (),
    generated: int = 0,
    seed: int = 0,
) -> TitleStore:
    """Load all titles; of several with the same id the last one counts.

    Args:
        catalogues: files in the format of :data:`CATALOGUE`.
        recorded: files of recorded responses. A line is one of these:

            - details (``imdbID``), served compactly with the keys and values as they are;
            - a season listing (``Episodes``), served for the series of its title;
            - a page of search results (``Search``). Since it does not contain the search term, its
              results become titles that searches find, and whose details are
              "Error getting data.";
            - a whole exchange (``uri``, ``status``, ``body``), served for exactly the same
              parameters. 401s are skipped, since the emulator checks keys itself. The content of
              the body is added as well.
        generated: how many titles to generate; titles from files take precedence over them.
        seed: the seed of the generated titles.

    Raises:
        TitleError: naming the file and line of an invalid title or response.
        ValueError: if so many titles cannot be generated.
        OSError: if a file cannot be read.
    """
    store = TitleStore(computed=GeneratedTitles(generated, seed) if generated else None)
    for path in catalogues:
        _load_file(path, lambda line: store.put(title_from_line(line)))
    for path in recorded:
        _load_file(path, lambda line: _add_recorded(store, line))
    return store


def _load_file(path: Path, add: Callable[[dict[str, Any]], None]) -> None:
    for number, line in json_lines(path):
        try:
            add(line)
        except TitleError as error:  # noqa: PERF203
            msg = f"{path}:{number}: {error}"
            raise TitleError(msg) from None


def _add_recorded(store: TitleStore, line: dict[str, Any]) -> None:
    if "uri" not in line:
        _add_response(store, line)
        return
    body, status = line.get("body"), line.get("status")
    if not isinstance(body, str) or not isinstance(status, int):
        msg = "an exchange needs status (a number) and body (a string)"
        raise TitleError(msg)
    if status == _UNAUTHORIZED:
        return
    store.record_exchange(parse_query(urlsplit(line["uri"]).query), status, body.encode())
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
    store.record_season(listing["Title"], season, to_json({**listing, "Response": "True"}))
