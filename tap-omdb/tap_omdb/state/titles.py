"""The index of titles: when each was requested, and when it is due again. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_omdb.state.dated_index import DatedIndex, Days
from tap_omdb.state.failures import Failures
from tap_omdb.state.known_rating import (
    LENGTH,
    KnownRating,
    decode,
    encode,
    find_change,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

    from tap_omdb.config.ratings_file import Ratings
    from tap_omdb.config.settings import Refresh

OLDER = "older"
"""In place of the year of a title that is old enough to change rarely."""
NOT_FOUND = "not_found"
"""In place of the type of a title that OMDb does not have."""
_NUMBER_BITS = 34
"""Bits of the number in an IMDb id, which has at most 10 digits."""
NOT_SELECTED = "not_selected"
"""Precedes the type of a title that was fetched while its stream was not selected."""


def label_year(year: int | None, today: date, refresh: Refresh) -> str:
    """Return the year for a label: `OLDER` once refreshes no longer depend on the exact year."""
    is_recent = year is not None and year >= today.year - refresh.RECENT_YEARS
    return str(year) if is_recent else OLDER


def is_due(day: date, year: str, today: date, refresh: Refresh) -> bool:
    """Return whether what was fetched on a day is due again, by the year in its label."""
    days = refresh.days(int(year) if year.isdigit() else None, today)
    return days is not None and today - day >= timedelta(days=days)


@dataclass(frozen=True, slots=True)
class FetchedLabel:
    """What the state keeps about a fetched title, besides its id and rating.

    Attributes:
        kind: Its type: movie, series, episode or game.
        year: Its (first) year; None if OMDb has none.
        matched_by: How it was found, as in the column `matched_by`.
    """

    kind: str
    year: int | None
    matched_by: str | None = None

    def text(self, today: date, refresh: Refresh) -> str:
        """Return the label as it is written to the state."""
        return _label(self.kind, label_year(self.year, today, refresh), self.matched_by)


class TitleIndex:
    """Known, failed and pending titles by IMDb id, such as "tt1375666"; days are UTC days."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When known titles are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._index: DatedIndex[int] = DatedIndex(run, _parse, _encode)
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
        return (
            imdb_id in self._merged
            or imdb_id in self._failures
            or self._index.get(_number(imdb_id)) is not None
        )

    def last_requested(self, imdb_id: str) -> date | None:
        """Return the day on which a title was last requested, whatever the outcome."""
        if imdb_id in self._failures:
            return self._failures.last_attempt(imdb_id)
        mark = self._index.get(_number(self._merged.get(imdb_id, imdb_id)))
        return mark[0] if mark else None

    def was_fetched(self, imdb_id: str) -> bool:
        """Return whether a title was ever fetched."""
        mark = self._index.get(_number(imdb_id))
        return mark is not None and mark[1].partition(" ")[0] != NOT_FOUND

    def matched_by(self, imdb_id: str) -> str | None:
        """Return how a known title was found; None if the state does not have it."""
        if matched_by := self._failures.matched_by(imdb_id):
            return matched_by
        mark = self._index.get(_number(imdb_id))
        words = mark[1].split(" ") if mark else []
        return words[2] if len(words) > 2 else None  # noqa: PLR2004 - see `_label`

    def due(self, today: date) -> Iterator[tuple[str, str]]:
        """Yield the ids of titles that are due again, oldest first, with their type.

        The type is `NOT_FOUND` for titles that OMDb does not have, and `NOT_SELECTED` for those
        whose stream was not selected. Failed titles are not included: see `failed`.
        """

        def matches(day: date, label: str) -> bool:
            return is_due(day, label.partition(" ")[2].partition(" ")[0], today, self._refresh)

        for number, label in self._index.oldest_first(matches):
            if (imdb_id := _id(number)) not in self._failures:
                yield imdb_id, label.partition(" ")[0]

    def not_selected(self, types: Collection[str]) -> Iterator[str]:
        """Yield the titles of these types that were fetched while their stream was not selected."""

        def matches(_: date, label: str) -> bool:
            first, *others = label.split(" ")
            return first == NOT_SELECTED and others[0] in types

        for number, _ in self._index.oldest_first(matches):
            yield _id(number)

    def of_type(self, kind: str) -> Iterator[str]:
        """Yield the known titles of a type whose stream was selected."""
        for number, _ in self._index.oldest_first(lambda _, label: label.startswith(f"{kind} ")):
            yield _id(number)

    def failed(self, today: date) -> list[str]:
        """Return the ids that failed on earlier days and are to be retried."""
        return self._failures.before(today)

    def merged_ids(self, imdb_id: str) -> list[str]:
        """Return the other ids for which OMDb returns this title."""
        return sorted(self._merged_ids.get(imdb_id, ()))

    def changed(
        self, ratings: Ratings, votes_change: float, types: Collection[str], today: date
    ) -> array[int]:
        """Find the titles whose rating on IMDb differs from what OMDb last reported.

        A title whose recent refreshes returned the same values waits: OMDb may lag behind IMDb.

        Args:
            ratings: IMDb's ratings.
            votes_change: The share by which the votes must have changed; a rating counts if it
                has changed at all.
            types: The types whose streams are selected.
            today: The current day (UTC).

        Returns:
            The numbers in the IMDb ids, in the order of the change in votes, the largest first.
        """
        changes = array("Q")
        for number, rating, votes in ratings:
            detail = self._index.detail(number)
            if not detail:
                continue
            change = find_change(detail, rating, votes, votes_change)
            mark = self._index.get(number) if change is not None else None
            if (
                change is not None
                and mark is not None
                and (today - mark[0]).days >= unpack(detail).wait_days
                and mark[1].partition(" ")[0] in types
                and _id(number) not in self._failures
            ):
                changes.append(change << _NUMBER_BITS | number)
        mask = (1 << _NUMBER_BITS) - 1
        return array("Q", (item & mask for item in sorted(changes, reverse=True)))

    def has_rating(self, imdb_id: str) -> bool:
        """Return whether the state has a rating of a title."""
        return self._index.detail(_number(imdb_id)) > 0

    def is_old(self, imdb_id: str, today: date) -> bool:
        """Return whether a title is due by its age even if it is treated as an old one."""
        mark = self._index.get(_number(imdb_id))
        return mark is not None and is_due(mark[0], OLDER, today, self._refresh)

    def mark_fetched(
        self,
        imdb_id: str,
        label: FetchedLabel,
        today: date,
        rating: KnownRating | None = None,
        *,
        on_evidence: bool = False,
    ) -> None:
        """Record that a title's record has been emitted.

        Args:
            imdb_id: The title.
            label: Its type, its year and how it was found.
            today: The current day (UTC).
            rating: What OMDb reports of its rating.
            on_evidence: Whether it was fetched because its rating has changed on IMDb.
        """
        before = self._index.detail(_number(imdb_id))
        if on_evidence and before and rating:
            known = unpack(before)
            if pack(known._replace(unchanged=0)) == pack(rating):
                rating = rating._replace(unchanged=known.unchanged + 1)
        detail = pack(rating) if rating else 0
        self._mark(imdb_id, today, label.text(today, self._refresh), detail)

    def mark_not_selected(
        self, imdb_id: str, kind: str, today: date, matched_by: str | None
    ) -> None:
        """Record a title of a type whose stream is not selected, and how it was found."""
        self._mark(imdb_id, today, _label(NOT_SELECTED, kind, matched_by))

    def mark_not_found(self, imdb_id: str, today: date, matched_by: str | None) -> None:
        """Record that OMDb does not have a title; due again when old titles are."""
        self._mark(imdb_id, today, _label(NOT_FOUND, OLDER, matched_by))

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
        if not self._failures.add(imdb_id, today, matched_by):
            return
        mark = self._index.get(_number(imdb_id))
        detail = self._index.detail(_number(imdb_id))
        label = mark[1] if mark else _label(NOT_FOUND, OLDER, matched_by)
        self._mark(imdb_id, today, label, detail)

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
                mark = self._index.get(_number(key))
                self._failures.load(key, runs, settled=mark[0] if mark else None)
        for kind, runs in state.get("pending", {}).items():
            for ids in runs.values():
                for number in ids.split():
                    if "/" not in number and not self.is_known(f"tt{number}"):
                        self.pending[f"tt{number}"] = kind

    def dump(self) -> Days:
        """Return the known titles for the state."""
        return self._index.dump()

    def dump_pending(self) -> dict[str, list[str]]:
        """Return the pending titles for the state: their ids by type."""
        pending: dict[str, list[str]] = {}
        for imdb_id, kind in self.pending.items():
            pending.setdefault(kind, []).append(imdb_id[2:])
        return pending

    def dump_failures(self) -> dict[str, dict[str, Any]]:
        """Return the failed titles for the state."""
        return dict(self._failures.dump())

    def dump_merged_ids(self) -> dict[str, str]:
        """Return the merged ids for the state."""
        return {requested[2:]: returned[2:] for requested, returned in self._merged.items()}

    def _mark(self, imdb_id: str, today: date, label: str, detail: int = 0) -> None:
        self._index.mark(_number(imdb_id), today, label, detail)
        self._settle(imdb_id)

    def _settle(self, imdb_id: str) -> None:
        self.pending.pop(imdb_id, None)
        self._failures.remove(imdb_id)

    def _merge(self, requested: str, returned: str) -> None:
        if before := self._merged.get(requested):
            self._merged_ids[before].remove(requested)
        self._merged[requested] = returned
        self._merged_ids.setdefault(returned, []).append(requested)
        self._index.remove(_number(requested))


def _label(kind: str, detail: str, matched_by: str | None) -> str:
    """Return a label of three words; older states have no third one, and only `NOT_FOUND`."""
    return f"{kind} {detail} {matched_by}" if matched_by else f"{kind} {detail}"


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
