"""The query string of a request, and the key that identifies a search."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Query:
    """The query string of one request, without the API key.

    Attributes:
        params: Names and values, in the order sent.
    """

    params: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return the query as it is written in a URL; used in logs, rejects and the cache."""
        return urlencode(self.params, safe="*", quote_via=quote)

    def without(self, *names: str) -> Query:
        """Return the query without these parameters."""
        return Query(tuple(param for param in self.params if param[0] not in names))


@dataclass(frozen=True, slots=True)
class SearchKey:
    """Identifies a search: a term in a year, for a type; None means any."""

    term: str
    year: int | None
    type: str | None

    def __str__(self) -> str:
        """Return the primary key of the search's row in `searches`."""
        return f"{self.term}|{self.year or '-'}|{self.type or '-'}"

    @classmethod
    def parse(cls, text: str) -> SearchKey:
        """Parse what `str` returned."""
        term, year, kind = text.rsplit("|", 2)
        return cls(term, None if year == "-" else int(year), None if kind == "-" else kind)
