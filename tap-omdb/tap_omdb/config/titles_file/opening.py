"""Opens a file as text, whatever its compression and encoding, and reads it in bounded lines."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from typing_extensions import override

from tap_omdb.config.titles_file.entries import TitlesFileError
from tap_omdb.omdb.decoding import CP1252_FALLBACK

MAX_LINE = 1_000_000
"""Characters of a line that are kept."""
MAX_SKIPPED = 64_000_000
"""Characters of a line beyond which the file is not a list of titles."""

_GZIP = b"\x1f\x8b"
_ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!")
_MAX_RATIO = 200
_RATIO_MATTERS_FROM = 16_000_000
"""Bytes: smaller files are harmless however well they compress. IMDb's files have a ratio of 5."""


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        number: From 1.
        text: Without its line end.
        is_truncated: Whether it is longer than `MAX_LINE`.
    """

    number: int
    text: str
    is_truncated: bool = False


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a file as text; every error while it is open names the path and the remedy.

    Raises:
        TitlesFileError: The file is missing, unreadable, truncated or an archive.
    """
    try:
        with path.open("rb") as plain:
            start = plain.peek(4)
            if start.startswith(_ARCHIVES):
                message = (
                    f"{path} is an archive or a workbook. Unpack it or save it as CSV, "
                    "and use the file that lists the titles."
                )
                raise TitlesFileError(message)
            is_packed = start.startswith(_GZIP)
            binary = io.BufferedReader(_Unpacked(plain), 65_536) if is_packed else plain
            if binary.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                encoding, errors = "utf-16", "replace"
            else:
                encoding, errors = "utf-8-sig", CP1252_FALLBACK
            with io.TextIOWrapper(binary, encoding, errors) as text:
                yield text
    except (OSError, EOFError, zlib.error) as error:
        # An OSError's message repeats the path.
        reason = getattr(error, "strerror", None) or str(error)
        message = (
            f"{path} cannot be read ({reason}). Check the path and its permissions; "
            "copy or download a truncated file again."
        )
        raise TitlesFileError(message) from error


def lines_of(text: TextIO, path: Path) -> Iterator[Line]:
    """Yield the lines of a text that are not empty, truncating long ones.

    Raises:
        TitlesFileError: A line is longer than `MAX_SKIPPED`.
    """
    for number, line in enumerate(iter(partial(text.readline, MAX_LINE), ""), start=1):
        is_truncated = len(line) == MAX_LINE and not line.endswith("\n")
        if is_truncated:
            _skip_line(text, f"line {number} of {path}")
        if line != "\n":
            yield Line(number, line.rstrip("\n"), is_truncated)


def _skip_line(text: TextIO, name: str) -> None:
    skipped = 0
    while (rest := text.readline(MAX_LINE)) and not rest.endswith("\n"):
        skipped += len(rest)
        if skipped > MAX_SKIPPED:
            message = f"{name} does not end: this is not a list of titles."
            raise TitlesFileError(message)


class _Unpacked(io.RawIOBase):
    """A gzipped file; reading fails if it expands so much that it must be a decompression bomb."""

    def __init__(self, plain: BinaryIO) -> None:
        self._plain = plain
        self._file = gzip.GzipFile(fileobj=plain)
        self._size = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: memoryview[int]) -> int:  # type: ignore[override]
        size = self._file.readinto(buffer)
        self._size += size
        if self._size > max(_RATIO_MATTERS_FROM, _MAX_RATIO * self._plain.tell()):
            message = f"it unpacks to more than {_MAX_RATIO} times its size"
            raise OSError(message)
        return size
