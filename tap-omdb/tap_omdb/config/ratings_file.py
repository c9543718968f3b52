"""Reads IMDb's title.ratings.tsv.gz: the rating and the votes of some 1.6 million titles.

IMDb publishes it daily at https://datasets.imdbws.com/ for non-commercial use. It is kept as one
sorted array, 8 bytes a title; a dictionary would take twenty times as much.
"""

from __future__ import annotations

import gzip
import logging
import re
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

logger = logging.getLogger(__name__)

COLUMNS = ("tconst", "averageRating", "numVotes")

_HEADER = "\t".join(COLUMNS).encode()
_ROW = re.compile(rb"^tt(\d{1,9})\t(\d|10(?!\.[1-9]))(?:\.(\d))?\t(\d{1,8})\r?$", re.MULTILINE)
_VOTES_BITS = 27
_RATING_BITS = 7
_CHUNK_BYTES = 2**20
_GZIP = b"\x1f\x8b"


class RatingsFileError(ValueError):
    """The file cannot be used; the message says why and gives the remedy."""


class Rating(NamedTuple):
    """The rating of a title on IMDb.

    Attributes:
        rating: The average rating in tenths, from 0 to 100.
        votes: The number of votes.
    """

    rating: int
    votes: int


class Ratings:
    """The rows of a file, by IMDb id."""

    def __init__(self, rows: array[int]) -> None:
        """Use an array of rows, as `_pack` returns them, in ascending order."""
        self._rows = rows

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield the number in the IMDb id, the rating in tenths and the votes of each row."""
        for row in self._rows:
            votes = row >> _RATING_BITS & (1 << _VOTES_BITS) - 1
            yield row >> _VOTES_BITS + _RATING_BITS, row & (1 << _RATING_BITS) - 1, votes

    def get(self, imdb_id: str) -> Rating | None:
        """Return the rating of a title; None if the file does not have it."""
        number = int(imdb_id[2:])
        # The last row of the id: where there are several, it has the most votes.
        index = bisect_left(self._rows, number + 1 << _VOTES_BITS + _RATING_BITS) - 1
        if index < 0 or self._rows[index] >> _VOTES_BITS + _RATING_BITS != number:
            return None
        votes_and_rating = self._rows[index] & (1 << _VOTES_BITS + _RATING_BITS) - 1
        return Rating(votes_and_rating & (1 << _RATING_BITS) - 1, votes_and_rating >> _RATING_BITS)


def check_ratings_file(path: Path) -> None:
    """Check by its first line that a file is IMDb's rating file.

    Raises:
        RatingsFileError: The file is missing or unreadable, or has other columns.
    """
    next(_chunks(path))


def read_ratings_file(path: Path) -> Ratings:
    """Read a file of IMDb's ratings, plain or gzipped.

    Malformed rows are skipped, and counted in one line of the log. If an id occurs more than once,
    the row with most votes counts.

    Raises:
        RatingsFileError: The file is missing, unreadable or truncated, or has other columns.
    """
    rows = array("Q")
    malformed = 0
    for chunk in _chunks(path):
        before = len(rows)
        rows.extend(map(_pack, _ROW.findall(chunk)))
        malformed += chunk.count(b"\n") - (len(rows) - before)
    if malformed:
        logger.warning("ratings_file: %s malformed rows of %s skipped", f"{malformed:,}", path)
    # IMDb sorts its file by the text of the id, in which 8 digits come between 7.
    return Ratings(array("Q", sorted(rows)))


def _pack(row: tuple[bytes, bytes, bytes, bytes]) -> int:
    """Return a row as one number, which sorts by the id and then by the votes."""
    number, whole, tenth, votes = row
    id_and_votes = int(number) << _VOTES_BITS | int(votes)
    return id_and_votes << _RATING_BITS | int(whole + (tenth or b"0"))


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the rows of a file in chunks of whole lines, each ending in a newline.

    The first chunk is empty: it comes once the header has been checked.
    """
    try:
        with path.open("rb") as plain:
            is_packed = plain.peek(2).startswith(_GZIP)
            file = cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if is_packed else plain
            header = file.readline(1000).removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
            if header != _HEADER:
                columns = " ".join(COLUMNS)
                message = f"{path} is not IMDb's title.ratings.tsv.gz: its columns are {columns}"
                raise RatingsFileError(message)
            yield b""
            rest = b""
            while block := file.read(_CHUNK_BYTES):
                lines, newline, rest = (rest + block).rpartition(b"\n")
                if not newline and len(rest) > _CHUNK_BYTES:
                    message = f"{path} has a line of over 1 MB: download title.ratings.tsv.gz again"
                    raise RatingsFileError(message)
                yield lines + newline
            if rest:
                yield rest + b"\n"
    except (OSError, EOFError, zlib.error) as error:
        # An OSError's message repeats the path.
        reason = getattr(error, "strerror", None) or str(error)
        message = (
            f"{path} cannot be read ({reason}): check the path and its permissions, and download a "
            "truncated file again"
        )
        raise RatingsFileError(message) from error
