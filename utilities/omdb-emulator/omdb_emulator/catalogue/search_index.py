"""A full-text index over titles: whole words, prefixes, most votes first."""

from __future__ import annotations

import re
import sys
import unicodedata
from array import array
from bisect import bisect_left
from collections import OrderedDict

#: The code of each type in the index; any other type is 0.
KINDS = {"movie": 1, "series": 2, "episode": 3, "game": 4}
#: Added to the code of a type: found by ``t=`` but not by searches.
UNLISTED = 16
_HIDDEN = 255
_CACHED_RESULTS = 64
_MUCH_LARGER = 20
_LAST_CHARACTER = chr(sys.maxunicode)

_WORD = re.compile(r"\w+")
_TERM_WORD = re.compile(r"(\w+)(\*?)")
_NO_DIACRITICS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ß": "ss"})


def fold(text: str) -> str:
    """Lower-case, without diacritics, underscores as spaces."""
    text = text.lower().replace("_", " ")
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.translate(_NO_DIACRITICS)


def words(text: str) -> list[str]:
    """Return the folded words of a text; an apostrophe separates words."""
    return _WORD.findall(fold(text))


def term_words(term: str) -> tuple[tuple[str, str], ...]:
    """Split a search term into words, each with the asterisk that follows it, or an empty text."""
    return tuple(_TERM_WORD.findall(fold(term)))


class SearchIndex:
    """Rows of titles, found by words, type and start year, ordered by votes.

    A row is the number that :meth:`add` returns. Takes about 25 bytes a title plus the vocabulary.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._rows_of: dict[str, array[int]] = {}
        self._kinds = bytearray()
        self._years: array[int] = array("H")
        self._votes: array[int] = array("I")
        self._vocabulary: list[str] = []
        self._results: OrderedDict[object, array[int]] = OrderedDict()

    def add(self, title: str, kind: int, year: int, votes: int) -> int:
        """Index a title and return its row; ``kind`` is a value of :data:`KINDS` or 0."""
        row = len(self._kinds)
        self._kinds.append(kind)
        self._years.append(year)
        self._votes.append(min(votes, 0xFFFFFFFF))
        rows_of = self._rows_of
        for word in set(words(title)):
            rows = rows_of.get(word)
            if rows is None:
                rows = rows_of[word] = array("I")
            rows.append(row)
        self._results.clear()
        return row

    def hide(self, row: int) -> None:
        """Exclude a row from all results."""
        self._kinds[row] = _HIDDEN
        self._results.clear()

    def find(
        self, term: tuple[tuple[str, str], ...], kinds: frozenset[int], year: int | None = None
    ) -> array[int]:
        """Return the rows that contain every word of the term, most votes first.

        Args:
            term: words of :func:`term_words`; without any, nothing is found.
            kinds: values of :data:`KINDS`, and 0 for titles of no known type.
            year: the start year, None for any.
        """
        key = (term, kinds, year)
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = self._find(term, kinds, year)
            if len(self._results) > _CACHED_RESULTS:
                self._results.popitem(last=False)
        return found

    def _find(
        self, term: tuple[tuple[str, str], ...], kinds: frozenset[int], year: int | None
    ) -> array[int]:
        groups = sorted((self._rows_with(*word) for word in term), key=len)
        if not groups:
            return array("I")
        of_kind, years = self._kinds, self._years
        matching = sorted(
            row
            for row in groups[0]
            if of_kind[row] in kinds and (year is None or years[row] == year)
        )
        for group in groups[1:]:
            matching = _common(matching, group)
        # Titles with equal votes keep the order of their rows.
        matching.sort(key=self._votes.__getitem__, reverse=True)
        return array("I", matching)

    def _rows_with(self, word: str, asterisk: str) -> array[int] | set[int]:
        if not asterisk:
            return self._rows_of.get(word, array("I"))
        if len(self._vocabulary) != len(self._rows_of):
            self._vocabulary = sorted(self._rows_of)
        first = bisect_left(self._vocabulary, word)
        behind = bisect_left(self._vocabulary, f"{word}{_LAST_CHARACTER}", first)
        return set().union(*map(self._rows_of.__getitem__, self._vocabulary[first:behind]))


def _common(rows: list[int], group: array[int] | set[int]) -> list[int]:
    """Return the rows that are also in a group, in their order.

    A much larger array is searched for each row instead: half of all titles contain "the".
    """
    if isinstance(group, set) or len(group) < _MUCH_LARGER * len(rows):
        shared = set(rows).intersection(group)
        return [row for row in rows if row in shared]
    last = len(group) - 1
    return [row for row in rows if group[min(bisect_left(group, row), last)] == row]
