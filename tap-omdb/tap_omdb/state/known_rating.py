"""Encodes the rating that OMDb last reported for a title in four characters of the state.

OMDb adopts IMDb's ratings after a while, so a title whose rating in IMDb's file differs from the
one in the state is due again.
"""

from __future__ import annotations

import math
import string
from typing import NamedTuple

_LEVELS = 8
_RATINGS = 102
_VOTES_STEP = 0.0012
"""Votes are stored on a logarithmic scale, to within 0.06%."""
_MAX_VOTES = 16_700
_DIGITS = string.digits + string.ascii_letters + "-_"
# Two characters at a time, for speed: a state may hold millions.
_LOW = [first + second for first in _DIGITS for second in _DIGITS]
_HIGH = [first + second for first in string.ascii_letters for second in _DIGITS]
_LOW_VALUE = {text: value for value, text in enumerate(_LOW)}
_HIGH_VALUE = {text: value * len(_LOW) for value, text in enumerate(_HIGH)}
LENGTH = 4
"""Characters; the first is a letter, so that they can follow the digits of an id."""


class KnownRating(NamedTuple):
    """The rating of a title as OMDb last reported it.

    Attributes:
        rating: IMDb's rating in tenths, from 0 to 100; None if OMDb has none.
        votes: The votes behind it, approximately; None if OMDb has none.
        unchanged: How many refreshes in a row, for a changed rating, returned the same values; at
            most 7.
    """

    rating: int | None
    votes: int | None
    unchanged: int = 0

    @property
    def wait_days(self) -> int:
        """Days after the last fetch before a changed rating makes the title due: 1, 1, 2, 4, ..."""
        return 1 << max(0, self.unchanged - 1)


class Change(NamedTuple):
    """How IMDb's rating of a title differs from the known one.

    Attributes:
        of_rating: Whether the rating itself differs.
        of_votes: By how many votes it differs, approximately.
    """

    of_rating: bool
    of_votes: int


_VOTES = [round(math.expm1(value * _VOTES_STEP)) for value in range(_MAX_VOTES)]


def pack(known: KnownRating) -> int:
    """Return a known rating as a number above 0."""
    rating = 0 if known.rating is None else min(known.rating, _RATINGS - 2) + 1
    votes = 0 if known.votes is None else _pack_votes(known.votes)
    return 1 + min(known.unchanged, _LEVELS - 1) + _LEVELS * (rating + _RATINGS * votes)


def unpack(number: int) -> KnownRating:
    """Return the known rating that `pack` returned as a number above 0."""
    rest, unchanged = divmod(number - 1, _LEVELS)
    votes, rating = divmod(rest, _RATINGS)
    return KnownRating(
        rating=rating - 1 if rating else None,
        votes=_VOTES[votes - 1] if votes else None,
        unchanged=unchanged,
    )


def find_change(number: int, rating: int, votes: int) -> Change | None:
    """Compare a known rating with what IMDb has now.

    Args:
        number: What `pack` returned; unpacking it would take most of the time, since a state may
            hold millions.
        rating: IMDb's rating in tenths.
        votes: IMDb's votes.

    Returns:
        None if neither has changed, as far as the stored votes can tell.
    """
    votes_value, known_rating = divmod((number - 1) // _LEVELS, _RATINGS)
    if rating + 1 == known_rating and _pack_votes(votes) == votes_value:
        return None
    known_votes = _VOTES[votes_value - 1] if votes_value else 0
    return Change(rating + 1 != known_rating, abs(votes - known_votes))


def _pack_votes(votes: int) -> int:
    return 1 + min(round(math.log1p(votes) / _VOTES_STEP), _MAX_VOTES - 2)


def encode(number: int) -> str:
    """Return a number that `pack` returned as text of `LENGTH` characters."""
    high, low = divmod(number, len(_LOW))
    return _HIGH[high] + _LOW[low]


def decode(text: str) -> int:
    """Return the number of a text that `encode` returned.

    Raises:
        KeyError: It is not such a text.
    """
    return _HIGH_VALUE[text[:2]] + _LOW_VALUE[text[2:]]
