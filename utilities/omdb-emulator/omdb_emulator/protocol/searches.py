"""Searches for titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.titles import to_json
from omdb_emulator.protocol.errors import (
    NEGATIVE_OFFSET,
    TOO_MANY,
    Response,
    error_response,
    not_found,
)
from omdb_emulator.protocol.parameters import page_number, start_year, title_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.catalogue.store import Summary, TitleStore
    from omdb_emulator.protocol.behaviour import Behaviour

PAGE_SIZE = 10
_SHORTEST_TERM = 3
_LONGEST_TERM = 1000
_STOP_WORDS = frozenset({"the"})


def search(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    """Return the requested page of search results."""
    term = query["s"].strip()
    error = _term_error(term)
    if error is not None:
        return error
    page = page_number(query.get("page", ""))
    if isinstance(page, Response):
        return page
    kind = title_type(query)
    year = start_year(query) if behaviour.year_filter else None
    rows = store.search(term, kind, year)
    if behaviour.max_results is not None and len(rows) > behaviour.max_results:
        return TOO_MANY
    if page < 1:
        return NEGATIVE_OFFSET
    of_page = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    results = [_result(summary) for summary in store.summaries(of_page)]
    if not results:
        return not_found(kind)
    return Response(
        200, to_json({"Search": results, "totalResults": str(len(rows)), "Response": "True"})
    )


def _term_error(term: str) -> Response | None:
    if len(term) > _LONGEST_TERM:
        return error_response(
            f"Syntax error near '\"' in the full-text search condition '\"{term}\"'."
        )
    return TOO_MANY if _is_too_broad(term) else None


def _is_too_broad(term: str) -> bool:
    # A leading asterisk is ignored; a trailing one counts as a character.
    term = term.lstrip("*")
    found = words(term)
    if not found or len(term) < _SHORTEST_TERM:
        return True
    return len(found) == 1 and (found[0] in _STOP_WORDS or len(found[0]) < _SHORTEST_TERM - 1)


def _result(summary: Summary) -> dict[str, str]:
    return {
        "Title": summary.title,
        "Year": summary.year,
        "imdbID": summary.imdb_id,
        "Type": summary.kind,
        "Poster": summary.poster,
    }
