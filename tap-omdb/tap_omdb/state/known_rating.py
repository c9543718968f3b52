"""What OMDb last reported of a title's rating, in four characters of the state. Pure.

IMDb's rating file shows what OMDb reports sooner or later, so a title whose values there differ
from these is due again.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

_LEVELS = 8
_RATINGS = 102
_VOTES_STEP = 0.0012
"""Votes are stored on a logarithmic scale, to within 0.06%."""
_MAX_VOTES = 16_700
_LETTERS = string.ascii_letters
_DIGITS = string.digits + string.ascii_letters + "-_"
_LETTER = {character: value for value, character in enumerate(_LETTERS)}
_DIGIT = {character: value for value, character in enumerate(_DIGITS)}
_BASE = len(_DIGITS)
LENGTH = 4
"""Characters; the first is a letter, so that they can follow the digits of an id."""


@dataclass(frozen=True, slots=True)
class KnownRating:
    """The rating of a title as OMDb last reported it.

    Attributes:
        rating: IMDb's rating in tenths, from 0 to 100; None if OMDb has none.
        votes: The votes behind it, approximately; None if OMDb has none.
        unchanged: How many refreshes on evidence in a row brought the same values, at most 7.
    """

    rating: int | None
    votes: int | None
    unchanged: int = 0

    @property
    def wait_days(self) -> int:
        """Days after the last fetch before the title is due on evidence again: 1, 1, 2, 4, ..."""
        return 1 << max(0, self.unchanged - 1)


def pack(known: KnownRating) -> int:
    """Return a known rating as a number above 0."""
    rating = 0 if known.rating is None else min(known.rating, _RATINGS - 2) + 1
    votes = 0
    if known.votes is not None:
        votes = 1 + min(round(math.log1p(known.votes) / _VOTES_STEP), _MAX_VOTES - 2)
    return 1 + min(known.unchanged, _LEVELS - 1) + _LEVELS * (rating + _RATINGS * votes)


def unpack(number: int) -> KnownRating:
    """Return the known rating that `pack` returned as a number above 0."""
    rest, unchanged = divmod(number - 1, _LEVELS)
    votes, rating = divmod(rest, _RATINGS)
    return KnownRating(
        rating=rating - 1 if rating else None,
        votes=round(math.expm1((votes - 1) * _VOTES_STEP)) if votes else None,
        unchanged=unchanged,
    )


def encode(number: int) -> str:
    """Return a number that `pack` returned as text of `LENGTH` characters."""
    number, last = divmod(number, _BASE)
    number, third = divmod(number, _BASE)
    first, second = divmod(number, _BASE)
    return _LETTERS[first] + _DIGITS[second] + _DIGITS[third] + _DIGITS[last]


def decode(text: str) -> int:
    """Return the number of a text that `encode` returned.

    Raises:
        KeyError: It is not such a text.
    """
    number = _LETTER[text[0]]
    for character in text[1:]:
        number = number * _BASE + _DIGIT[character]
    return number
