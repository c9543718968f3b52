"""The index of titles: when each was requested, and when it is due again."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

from tap_omdb.config.ratings_file import Ratings
from tap_omdb.config.settings import Refresh
from tap_omdb.state.dated_index import OLDER, DatedIndex, Label, Mark, year_detail
from tap_omdb.state.failures import Failures
from tap_omdb.state.int_map import IntMap
from tap_omdb.state.known_rating import (
    LENGTH,
    KnownRating,
    decode,
    encode,
    find_change,
    pack,
    unpack,
)

NOT_FOUND = "not_found"
"""The outcome for a title that OMDb does not have."""
NOT_SELECTED = "not_selected"
"""The outcome for a title that was fetched while its stream was not selected."""
_NUMBER_BITS = 34
"""Bits of the number in an IMDb id, which has at most 10 digits."""
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1


@dataclass(frozen=True, slots=True)
class FetchedLabel:
    """What the state keeps about a fetched title, besides its id and rating.

    Attributes:
        type: movie, series, episode or game.
        year: Its (first) year; None if OMDb has none.
        matched_by: How it was found, as in the column `matched_by`.
    """

    type: str
    year: int | None
    matched_by: str | None = None


class TitleIndex:
    """Known, failed and pending titles by IMDb id, such as "tt1375666"; days are UTC days."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When known titles are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._run = run
        self._index: DatedIndex[int] = DatedIndex(run, _parse, _encode, IntMap())
        self._failures = Failures(run)
        self._merged: dict[str, str] = {}
        self._merged_ids: dict[str, list[str]] = {}
        self.pending: dict[str, str] = {}
        """Ids that were found and are not fetched yet, with their type; in the order found."""

    def __len__(self) -> int:
        """Return how many titles are known, including those that OMDb does not have."""
        return len(self._index)

    def is_known(self, imdb_id: str) -> bool:
        """Return whether a title was ever requested, whatever the outcome."""
        is_merged_or_failed = imdb_id in self._merged or imdb_id in self._failures
        return is_merged_or_failed or self._mark_of(imdb_id) is not None

    def last_requested(self, imdb_id: str) -> date | None:
        """Return the day on which a title was last requested, whatever the outcome."""
        last = self._failures.get(imdb_id) or self._mark_of(self._merged.get(imdb_id, imdb_id))
        return last.day if last else None

    def was_fetched(self, imdb_id: str) -> bool:
        """Return whether a title was ever fetched."""
        mark = self._mark_of(imdb_id)
        return mark is not None and mark.label.outcome != NOT_FOUND

    def is_not_selected(self, imdb_id: str) -> bool:
        """Return whether a title was last fetched while its stream was not selected."""
        mark = self._mark_of(self._merged.get(imdb_id, imdb_id))
        return mark is not None and mark.label.outcome == NOT_SELECTED

    def matched_by(self, imdb_id: str) -> str | None:
        """Return how a known title was found; None if the state does not have it."""
        failure, mark = self._failures.get(imdb_id), self._mark_of(imdb_id)
        return (failure and failure.matched_by) or (mark and mark.label.matched_by) or None

    def due(self, today: date) -> Iterator[tuple[str, str]]:
        """Yield the ids of titles that are due again, oldest first, with their type.

        The type is `NOT_FOUND` for titles that OMDb does not have, and `NOT_SELECTED` for those
        whose stream was not selected. Failed titles are not included: see `failed`.
        """
        for number, label in self._index.oldest_first(lambda m: m.is_due(today, self._refresh)):
            if (imdb_id := _id(number)) not in self._failures:
                yield imdb_id, label.outcome

    def not_selected(self, types: Collection[str]) -> Iterator[str]:
        """Yield the titles of these types that were fetched while their stream was not selected."""

        def matches(mark: Mark) -> bool:
            return mark.label.outcome == NOT_SELECTED and mark.label.detail in types

        for number, _ in self._index.oldest_first(matches):
            yield _id(number)

    def of_type(self, title_type: str) -> Iterator[str]:
        """Yield the known titles of a type whose stream was selected."""
        for number, _ in self._index.oldest_first(lambda mark: mark.label.outcome == title_type):
            yield _id(number)

    def failed(self, today: date) -> list[str]:
        """Return the ids that failed on earlier days and are to be retried."""
        return self._failures.before(today)

    def merged_ids(self, imdb_id: str) -> list[str]:
        """Return the other ids for which OMDb returns this title."""
        return sorted(self._merged_ids.get(imdb_id, ()))

    def changed(self, ratings: Ratings, types: Collection[str], today: date) -> array[int]:
        """Find the titles whose rating on IMDb differs from what OMDb last reported.

        A title whose recent refreshes returned the same values waits: OMDb may lag behind IMDb.

        Args:
            ratings: IMDb's ratings.
            types: The types whose streams are selected.
            today: The current day (UTC).

        Returns:
            The numbers in the IMDb ids, those whose votes have changed most first. Titles whose
            rating has changed and those with other votes alone take turns, so that the many
            ratings of titles with few votes do not hold up the titles that many people watch.
        """
        of_rating, of_votes = array("Q"), array("Q")
        for number, rating, votes in ratings:
            detail = self._index.detail(number)
            if not detail:
                continue
            change = find_change(detail, rating, votes)
            mark = self._index.get(number) if change is not None else None
            if (
                change is not None
                and mark is not None
                and (today - mark.day).days >= unpack(detail).wait_days
                and mark.label.outcome in types
                and _id(number) not in self._failures
            ):
                changes = of_rating if change.of_rating else of_votes
                changes.append(change.of_votes << _NUMBER_BITS | number)
        turns = zip_longest(sorted(of_rating, reverse=True), sorted(of_votes, reverse=True))
        return array("Q", (item & _NUMBER_MASK for turn in turns for item in turn if item))

    def is_due_unchanged(self, imdb_id: str, today: date) -> bool:
        """Return whether a title is due although its rating on IMDb has not changed.

        It is if OMDb had no rating of it, or if it would be due as an old title.
        """
        mark = self._mark_of(imdb_id)
        is_old = mark is not None and Mark(mark.day, _OLD).is_due(today, self._refresh)
        return is_old or not self._index.detail(_number(imdb_id))

    def mark_fetched(
        self,
        imdb_id: str,
        fetched: FetchedLabel,
        today: date,
        rating: KnownRating | None = None,
        *,
        rating_changed: bool = False,
    ) -> None:
        """Record that a title's record has been emitted.

        Args:
            imdb_id: The title.
            fetched: Its type, its year and how it was found.
            today: The current day (UTC).
            rating: What OMDb reports of its rating.
            rating_changed: Whether it was fetched because its rating has changed on IMDb.
        """
        detail = pack(rating) if rating else 0
        before = self._index.detail(_number(imdb_id))
        if rating_changed and before and rating:
            known = unpack(before)
            if pack(known._replace(unchanged=0)) == detail:
                detail = pack(rating._replace(unchanged=known.unchanged + 1))
        year = year_detail(fetched.year, today, self._refresh)
        self._mark(imdb_id, today, Label(fetched.type, year, fetched.matched_by), detail)

    def mark_not_selected(
        self, imdb_id: str, title_type: str, today: date, matched_by: str | None
    ) -> None:
        """Record a title of a type whose stream is not selected, and how it was found."""
        self._mark(imdb_id, today, Label(NOT_SELECTED, title_type, matched_by))

    def mark_not_found(self, imdb_id: str, today: date, matched_by: str | None) -> None:
        """Record that OMDb does not have a title; due again when old titles are."""
        self._mark(imdb_id, today, Label(NOT_FOUND, OLDER, matched_by))

    def mark_failed(self, imdb_id: str, today: date, matched_by: str | None) -> None:
        """Record that a title could not be fetched today.

        After `MAX_ATTEMPTS` such days, a title that was fetched before waits for its next refresh;
        one that never was counts as not found.

        Args:
            imdb_id: The title.
            today: The current day (UTC).
            matched_by: How the title was found, as in the column `matched_by`.
        """
        self.pending.pop(imdb_id, None)
        if self._failures.add(imdb_id, today, matched_by):
            mark = self._mark_of(imdb_id)
            label = mark.label if mark else Label(NOT_FOUND, OLDER, matched_by)
            self._mark(imdb_id, today, label, self._index.detail(_number(imdb_id)))

    def mark_merged(self, requested: str, returned: str) -> None:
        """Record that OMDb returns another title for an id."""
        self._merge(requested, returned)
        self._settle(requested)

    def load(self, state: Mapping[str, Any]) -> None:
        """Read the titles, merged ids, failures and pending titles of a state."""
        self._index.load(state.get("titles", {}))
        for requested, returned in state.get("merged_ids", {}).items():
            self._merge(f"tt{requested}", f"tt{returned}")
        for key, runs in state.get("failures", {}).items():
            if "/" not in key and key not in self._merged:
                mark = self._mark_of(key)
                self._failures.load(key, runs, settled=mark.day if mark else None)
        for title_type, runs in state.get("pending", {}).items():
            for number in " ".join(runs.values()).split():
                if "/" not in number and not self.is_known(f"tt{number}"):
                    self.pending[f"tt{number}"] = title_type

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return what `load` reads, by the part of the state that it belongs to."""
        pending: dict[str, list[str]] = {}
        for imdb_id, title_type in self.pending.items():
            pending.setdefault(title_type, []).append(imdb_id[2:])
        return {
            "titles": self._index.dump(),
            "pending": {name: {self._run: " ".join(ids)} for name, ids in pending.items()},
            "failures": self._failures.dump(),
            "merged_ids": {requested[2:]: title[2:] for requested, title in self._merged.items()},
        }

    def _mark_of(self, imdb_id: str) -> Mark | None:
        return self._index.get(_number(imdb_id))

    def _mark(self, imdb_id: str, today: date, label: Label, detail: int = 0) -> None:
        self._index.mark(_number(imdb_id), Mark(today, label), detail)
        self._settle(imdb_id)

    def _settle(self, imdb_id: str) -> None:
        self.pending.pop(imdb_id, None)
        self._failures.pop(imdb_id, None)

    def _merge(self, requested: str, returned: str) -> None:
        if before := self._merged.get(requested):
            self._merged_ids[before].remove(requested)
        self._merged[requested] = returned
        self._merged_ids.setdefault(returned, []).append(requested)
        self._index.remove(_number(requested))


_OLD = Label("", OLDER)


def _number(imdb_id: str) -> int:
    return int(imdb_id[2:])


def _id(number: int) -> str:
    return f"tt{number:07d}"


def _parse(token: str) -> tuple[int, int]:
    if token.isdigit():
        return int(token), 0
    return int(token[:-LENGTH]), decode(token[-LENGTH:])


def _encode(number: int, rating: int) -> str:
    return f"{number:07d}{encode(rating)}" if rating else f"{number:07d}"
