"""Bodies in pieces, so that they can be large or endless without taking memory."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_START, _END = b'{"Title":"', b'","Response":"True"}'
_PIECE = b"x" * 100_000
_PIECES_PER_MEGABYTE = 10
_GZIP_FORMAT = zlib.MAX_WBITS | 16


def split(body: bytes, size: int) -> list[bytes]:
    """Return a body in pieces of this size."""
    return [body[start : start + size] for start in range(0, len(body), size)]


def endless_json() -> Iterator[bytes]:
    """Yield the start of a JSON object that does not end."""
    yield _START
    yield from itertools.repeat(_PIECE)


def large_json(megabytes: int) -> Iterator[bytes]:
    """Yield a JSON object with a text of so many million bytes."""
    yield _START
    yield from itertools.repeat(_PIECE, megabytes * _PIECES_PER_MEGABYTE)
    yield _END


def large_json_size(megabytes: int) -> int:
    """Return the size of what :func:`large_json` yields, in bytes."""
    return len(_START) + len(_PIECE) * _PIECES_PER_MEGABYTE * megabytes + len(_END)


def compress(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of a gzip file with this content."""
    compressor = zlib.compressobj(wbits=_GZIP_FORMAT)
    yield from filter(None, map(compressor.compress, pieces))
    yield compressor.flush()
