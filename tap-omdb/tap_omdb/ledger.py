"""What is known, since when, and when it is due again; and how that is written as state. Pure.

The state is JSON that a person can read: the ids of a day stand in one string, so that a million
titles are a few strings to copy and compare, at about 9 bytes a title:

    {"version": 1,
     "titles": {"2026-11-22": {"movie 2026": "1375666 0816692", "movie older": "0111161",
                               "gone": "9999999", "skipped series": "0944947"}},
     "seasons": {"2026-11-22": {"season 2026": "0944947/1 0944947/2"}},
     "lookups": {"2026-11-22": {"found": "Zm9vYmFyMQ"}},
     "searches": {"2026-11-22": {"2010 movie": {"mar*": 88}}},
     "passes": {"the*|2010|movie": {"since": "2026-11-22", "next_page": 3, ...}},
     "pending": {"movie": "1375666 0816692", "season": "0944947/3"},
     "failing": {"tt0000001": {"day": "2026-11-22", "tries": 1}, "tt0944947/4": {...}},
     "merged": {"4440394": "2250912"},
     "requests": {"2026-11-22/7d": 412}}

Where two states were merged, as Meltano does after a partial run, the latest day of a key counts.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tap_omdb.queries import PageTask, SearchKey, SearchPass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tap_omdb.queries import LookupTask
    from tap_omdb.settings import Refresh

VERSION = 1
OLDER = "older"
GONE = "gone"
"""Stands for the type of a title that OMDb does not have."""
SKIPPED = "skipped"
"""Stands before the type of a title that was fetched while its stream was not selected."""
FAILED = "failed"
SPLIT = "split"
SEASON = "season"
TRIES_BEFORE_GONE = 3
"""Days on which a title or season may fail before it is left alone until its refresh is due."""

K = TypeVar("K", bound="int | str")


class LedgerError(ValueError):
    """A state that this version can't read; the text says the remedy."""


@dataclass(slots=True)
class _Group:
    """The keys marked on one day with one label."""

    day: date
    label: str
    text: str = ""
    stale: bool = False


class _Book(Generic[K]):
    """Keys, each with the day and label of its last mark; kept as one text a day and label."""

    def __init__(self, read: Callable[[str], K], write: Callable[[K], str]) -> None:
        self._read = read
        self._write = write
        self._groups: list[_Group] = []
        self._index: dict[tuple[date, str], int] = {}
        self._group_of: dict[K, int] = {}
        self._added: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self._group_of)

    def load(self, days: Mapping[str, Mapping[str, str]]) -> None:
        for day in sorted(days):
            for label, text in days[day].items():
                number = self._number(date.fromisoformat(day), label)
                self._groups[number].text = text
                for token in text.split():
                    self._put(self._read(token), number)

    def dump(self) -> dict[str, dict[str, str]]:
        days: dict[str, dict[str, str]] = {}
        for number, group in enumerate(self._groups):
            if added := self._added.pop(number, None):
                group.text = " ".join([group.text, *added] if group.text else added)
            if group.stale:
                tokens = dict.fromkeys(group.text.split())
                mine = (t for t in tokens if self._group_of.get(self._read(t)) == number)
                group.text = " ".join(mine)
                group.stale = False
            if group.text:
                days.setdefault(group.day.isoformat(), {})[group.label] = group.text
        return days

    def mark(self, key: K, day: date, label: str) -> None:
        number = self._number(day, label)
        if self._put(key, number):
            self._added.setdefault(number, []).append(self._write(key))

    def forget(self, key: K) -> None:
        number = self._group_of.pop(key, None)
        if number is not None:
            self._groups[number].stale = True

    def get(self, key: K) -> tuple[date, str] | None:
        number = self._group_of.get(key)
        if number is None:
            return None
        group = self._groups[number]
        return group.day, group.label

    def oldest_first(self, is_due: Callable[[date, str], bool]) -> Iterator[tuple[K, str]]:
        self.dump()
        groups = enumerate(self._groups)
        due = [(g.day, n) for n, g in groups if g.text and is_due(g.day, g.label)]
        for _, number in sorted(due):
            group = self._groups[number]
            for token in group.text.split():
                key = self._read(token)
                if self._group_of.get(key) == number:
                    yield key, group.label

    def _number(self, day: date, label: str) -> int:
        number = self._index.get((day, label))
        if number is None:
            number = self._index[day, label] = len(self._groups)
            self._groups.append(_Group(day, label))
        return number

    def _put(self, key: K, number: int) -> bool:
        before = self._group_of.get(key)
        if before == number:
            return False
        if before is not None:
            self._groups[before].stale = True
        self._group_of[key] = number
        return True


class Ledger:
    """What the tap knows, and what follows for what it asks next.

    Ids are IMDb ids such as "tt1375666"; days are UTC days.
    """

    def __init__(self, refresh: Refresh, state: Mapping[str, Any] | None = None) -> None:
        """Read a state, or start with nothing.

        Args:
            refresh: When known things are due again.
            state: What `to_state` returned in an earlier run.

        Raises:
            LedgerError: If the state is of a newer version, or not one of this tap's.
        """
        self._refresh = refresh
        self._titles: _Book[int] = _Book(int, "{:07d}".format)
        self._seasons: _Book[str] = _Book(str, str)
        self._lookups: _Book[str] = _Book(str, str)
        self._searches: dict[SearchKey, tuple[date, int | None]] = {}
        self._failing: dict[str, tuple[date, int]] = {}
        self._failing_seasons: dict[str, tuple[date, int]] = {}
        self._merged: dict[str, str] = {}
        self._merged_into: dict[str, list[str]] = {}
        self.pending: dict[str, str] = {}
        """Ids found and not yet fetched, with their type; in the order found."""
        self.pending_seasons: dict[tuple[str, int], None] = {}
        """Seasons found and not yet fetched: the series' id and the number."""
        self.passes: dict[SearchKey, SearchPass] = {}
        """Searches read in part."""
        self.requests: dict[str, int] = {}
        """Requests spent, by day and key; budget.py says how."""
        if state:
            self._load(state)

    # Titles

    def __len__(self) -> int:
        """Return how many titles are known, those that OMDb does not have included."""
        return len(self._titles)

    def last_try(self, imdb_id: str) -> date | None:
        """Return the day on which a title was last asked for, with whatever outcome."""
        if imdb_id in self._failing:
            return self._failing[imdb_id][0]
        mark = self._titles.get(_number(self._merged.get(imdb_id, imdb_id)))
        return mark[0] if mark else None

    def has(self, imdb_id: str) -> bool:
        """Tell whether a title was ever asked for, with whatever outcome."""
        return (
            imdb_id in self._merged
            or imdb_id in self._failing
            or self._titles.get(_number(imdb_id)) is not None
        )

    def due_titles(self, today: date) -> Iterator[tuple[str, str]]:
        """Yield the ids of titles that are due again, oldest first, with their type or `GONE`.

        Those that were skipped come with `SKIPPED`. Those that fail are left to `failing`.
        """

        def is_due(day: date, label: str) -> bool:
            return self._title_is_due(day, label, today)

        for number, label in self._titles.oldest_first(is_due):
            if (imdb_id := _id(number)) not in self._failing:
                yield imdb_id, label.split(" ")[0]

    def was_had(self, imdb_id: str) -> bool:
        """Tell whether a title was ever fetched."""
        mark = self._titles.get(_number(imdb_id))
        return mark is not None and mark[1] != GONE

    def fetched(self, imdb_id: str, kind: str, year: int | None, today: date) -> None:
        """Note that a title's record has been emitted."""
        recent = year is not None and year >= today.year - self._refresh.RECENT_YEARS
        self._titles.mark(_number(imdb_id), today, f"{kind} {year if recent else OLDER}")
        self._settle(imdb_id)

    def skipped(self, imdb_id: str, kind: str, today: date) -> None:
        """Note that a title turned out to be of a type whose stream is not selected."""
        self._titles.mark(_number(imdb_id), today, f"{SKIPPED} {kind}")
        self._settle(imdb_id)

    def skipped_titles(self, wanted: Collection[str]) -> Iterator[str]:
        """Yield the titles that were skipped and are of a type that is wanted now."""
        labels = {f"{SKIPPED} {kind}" for kind in wanted}
        for number, _ in self._titles.oldest_first(lambda _, label: label in labels):
            yield _id(number)

    def merged(self, asked: str, answered: str) -> None:
        """Note that OMDb answers for one id with the title of another."""
        self._note_merged(asked, answered)
        self._settle(asked)

    def merged_into(self, imdb_id: str) -> list[str]:
        """Return the other ids that OMDb answers with this title."""
        return sorted(self._merged_into.get(imdb_id, ()))

    def gone(self, imdb_id: str, today: date) -> None:
        """Note that OMDb does not have a title: a tombstone, due again as old titles are."""
        self._titles.mark(_number(imdb_id), today, GONE)
        self._settle(imdb_id)

    def failed(self, imdb_id: str, today: date) -> None:
        """Note that a title could not be had today; after three such days it is let rest.

        One that was had before then waits for its next refresh, one that never was is a tombstone.
        """
        self.pending.pop(imdb_id, None)
        _, tries = self._failing.get(imdb_id, (today, 0))
        if tries + 1 < TRIES_BEFORE_GONE:
            self._failing[imdb_id] = (today, tries + 1)
        elif mark := self._titles.get(_number(imdb_id)):
            self._titles.mark(_number(imdb_id), today, mark[1])
            self._settle(imdb_id)
        else:
            self.gone(imdb_id, today)

    def failing(self, today: date) -> list[str]:
        """Return the ids that failed on earlier days and are to be tried again."""
        return [imdb_id for imdb_id, (day, _) in self._failing.items() if day < today]

    def _note_merged(self, asked: str, answered: str) -> None:
        if before := self._merged.get(asked):
            self._merged_into[before].remove(asked)
        self._merged[asked] = answered
        self._merged_into.setdefault(answered, []).append(asked)
        self._titles.forget(_number(asked))

    def _settle(self, imdb_id: str) -> None:
        self.pending.pop(imdb_id, None)
        self._failing.pop(imdb_id, None)

    def _title_is_due(self, day: date, label: str, today: date) -> bool:
        _, _, year = label.partition(" ")
        days = self._refresh.days(int(year) if year.isdigit() else None, today)
        return days is not None and today - day >= timedelta(days=days)

    # Seasons

    def season_is_due(self, series_id: str, season: int, today: date) -> bool:
        """Tell whether a season is unknown or no longer fresh; those that fail are left out."""
        key = _season(series_id, season)
        mark = self._seasons.get(key)
        return key not in self._failing_seasons and (
            mark is None or self._title_is_due(*mark, today)
        )

    def last_season_try(self, series_id: str, season: int) -> date | None:
        """Return the day on which a season was last asked for, with whatever outcome."""
        key = _season(series_id, season)
        if key in self._failing_seasons:
            return self._failing_seasons[key][0]
        mark = self._seasons.get(key)
        return mark[0] if mark else None

    def unopened_series(self) -> Iterator[str]:
        """Yield the known series of which not even the first season was ever asked for."""
        for number, _ in self._titles.oldest_first(lambda _, label: label.startswith("series ")):
            key = _season(series_id := _id(number), 1)
            if (
                self._seasons.get(key) is None
                and key not in self._failing_seasons
                and (series_id, 1) not in self.pending_seasons
            ):
                yield series_id

    def due_seasons(self, today: date) -> Iterator[tuple[str, int]]:
        """Yield the known seasons that are due again, oldest first."""
        for key, _ in self._seasons.oldest_first(
            lambda day, label: self._title_is_due(day, label, today)
        ):
            if key not in self._failing_seasons:
                yield _split_season(key)

    def season_fetched(self, series_id: str, season: int, year: int | None, today: date) -> None:
        """Note that all episodes of a season have been emitted or are pending."""
        recent = year is not None and year >= today.year - self._refresh.RECENT_YEARS
        label = f"season {year if recent else OLDER}"
        self._seasons.mark(key := _season(series_id, season), today, label)
        self.pending_seasons.pop((series_id, season), None)
        self._failing_seasons.pop(key, None)

    def season_failed(self, series_id: str, season: int, today: date) -> None:
        """Note that a season could not be had today; after three such days it is let rest."""
        key = _season(series_id, season)
        self.pending_seasons.pop((series_id, season), None)
        _, tries = self._failing_seasons.get(key, (today, 0))
        if tries + 1 < TRIES_BEFORE_GONE:
            self._failing_seasons[key] = (today, tries + 1)
            return
        mark = self._seasons.get(key)
        self._seasons.mark(key, today, mark[1] if mark else f"season {OLDER}")
        del self._failing_seasons[key]

    def failing_seasons(self, today: date) -> list[tuple[str, int]]:
        """Return the seasons that failed on earlier days and are to be tried again."""
        failing = self._failing_seasons.items()
        return [_split_season(key) for key, (day, _) in failing if day < today]

    # Titles by name

    def lookup_is_due(self, task: LookupTask, today: date) -> bool:
        """Tell whether a name is yet to be asked for; one not found is tried again later."""
        mark = self._lookups.get(_digest(task.title, task.year, task.type))
        if mark is None:
            return True
        day, label = mark
        if label == FAILED:
            return day < today
        older = self._refresh.older
        return label == GONE and older is not None and today - day >= timedelta(days=older)

    def last_lookup(self, title: str, year: int | None, kind: str | None) -> date | None:
        """Return the day on which a name was last asked for."""
        mark = self._lookups.get(_digest(title, year, kind))
        return mark[0] if mark else None

    def looked_up(self, task: LookupTask, today: date, *, found: bool) -> None:
        """Note that a name has been asked for."""
        digest = _digest(task.title, task.year, task.type)
        self._lookups.mark(digest, today, "found" if found else GONE)

    def lookup_failed(self, task: LookupTask, today: date) -> None:
        """Note that a name could not be asked for today; tried again on a later day."""
        self._lookups.mark(_digest(task.title, task.year, task.type), today, FAILED)

    # Searches

    def search_is_due(self, key: SearchKey, today: date) -> bool:
        """Tell whether a search was never finished, or is no longer fresh."""
        mark = self._searches.get(key)
        if mark is None or key in self.passes:
            return True
        days = self._refresh.days(key.year, today)
        return days is not None and today - mark[0] >= timedelta(days=days)

    def last_search(self, key: SearchKey) -> date | None:
        """Return the day on which a search was last finished."""
        mark = self._searches.get(key)
        return mark[0] if mark else None

    def last_total(self, key: SearchKey) -> int | None:
        """Return the totalResults of a search's last pass; None if it was split or never made."""
        mark = self._searches.get(key)
        return mark[1] if mark else None

    def is_split(self, key: SearchKey) -> bool:
        """Tell whether a search was refused, so that narrower ones stand for it."""
        mark = self._searches.get(key)
        return mark is not None and mark[1] is None

    def next_page(self, key: SearchKey, today: date) -> PageTask:
        """Return the next page of a search that was read in part, or else its first."""
        search = self.passes.get(key) or SearchPass(key, since=today)
        return PageTask(search, search.next_page)

    def searched(self, key: SearchKey, total: int | None, today: date) -> None:
        """Note that a search has been read to its end; no total says that it was split."""
        self._searches[key] = (today, total)
        self.passes.pop(key, None)

    # State

    def to_state(self) -> dict[str, Any]:
        """Return all of this as JSON-serialisable state; cheap when little has changed."""
        pending: dict[str, list[str]] = {}
        for imdb_id, kind in self.pending.items():
            pending.setdefault(kind, []).append(imdb_id[2:])
        if self.pending_seasons:
            pending[SEASON] = [_season(*season) for season in self.pending_seasons]
        searches: dict[str, dict[str, dict[str, int | str]]] = {}
        for key, (day, total) in self._searches.items():
            group = f"{key.year or '-'} {key.type or '-'}"
            terms = searches.setdefault(day.isoformat(), {}).setdefault(group, {})
            terms[key.term] = SPLIT if total is None else total
        return {
            "version": VERSION,
            "titles": self._titles.dump(),
            "seasons": self._seasons.dump(),
            "lookups": self._lookups.dump(),
            "searches": searches,
            "passes": {str(key): _pass_to_state(read) for key, read in self.passes.items()},
            "pending": {kind: " ".join(ids) for kind, ids in pending.items()},
            "failing": {
                what: {"day": day.isoformat(), "tries": tries}
                for what, (day, tries) in [
                    *self._failing.items(),
                    *((f"tt{key}", times) for key, times in self._failing_seasons.items()),
                ]
            },
            "merged": {asked[2:]: answered[2:] for asked, answered in self._merged.items()},
            "requests": dict(self.requests),
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        version = state.get("version")
        if not isinstance(version, int) or version > VERSION:
            message = (
                f"the state is of version {version!r}, this tap reads up to {VERSION}: upgrade "
                "tap-omdb, or start over without a state (meltano run --full-refresh)"
            )
            raise LedgerError(message)
        try:
            self._read_state(state)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = (
                f"the state can't be read ({type(error).__name__}: {error}): mend it with meltano "
                "state edit, or start over without a state (meltano run --full-refresh)"
            )
            raise LedgerError(message) from error

    def _read_state(self, state: Mapping[str, Any]) -> None:
        self._titles.load(state.get("titles", {}))
        self._seasons.load(state.get("seasons", {}))
        self._lookups.load(state.get("lookups", {}))
        for asked, answered in state.get("merged", {}).items():
            self._note_merged(f"tt{asked}", f"tt{answered}")
        for day, groups in sorted(state.get("searches", {}).items()):
            for group, terms in groups.items():
                year, kind = group.split(" ")
                for term, total in terms.items():
                    key = SearchKey.parse(f"{term}|{year}|{kind}")
                    count = None if total == SPLIT else int(total)
                    self._searches[key] = (date.fromisoformat(day), count)
        self._read_failing(state)
        self._read_unfinished(state)
        self.requests = {day: int(count) for day, count in state.get("requests", {}).items()}

    def _read_failing(self, state: Mapping[str, Any]) -> None:
        for what, item in state.get("failing", {}).items():
            day, tries = date.fromisoformat(item["day"]), int(item["tries"])
            is_season = "/" in what
            mark = self._seasons.get(what[2:]) if is_season else self._titles.get(_number(what))
            if what in self._merged or (mark is not None and mark[0] >= day):
                continue
            if is_season:
                self._failing_seasons[what[2:]] = (day, tries)
            else:
                self._failing[what] = (day, tries)

    def _read_unfinished(self, state: Mapping[str, Any]) -> None:
        for text, item in state.get("passes", {}).items():
            read = _pass_from_state(SearchKey.parse(text), item)
            finished = self.last_search(read.key)
            if finished is None or finished < read.since:
                self.passes[read.key] = read
        pending = dict(state.get("pending", {}))
        for token in pending.pop(SEASON, "").split():
            if self._seasons.get(token) is None and token not in self._failing_seasons:
                self.pending_seasons[_split_season(token)] = None
        for kind, ids in pending.items():
            for number in ids.split():
                if not self.has(f"tt{number}"):
                    self.pending[f"tt{number}"] = kind


def _pass_to_state(read: SearchPass) -> dict[str, Any]:
    return {
        "since": read.since.isoformat(),
        "next_page": read.next_page,
        "total": read.total,
        "rows": read.rows,
        "hits": read.hits,
        "new_titles": read.new_titles,
    }


def _pass_from_state(key: SearchKey, item: Mapping[str, Any]) -> SearchPass:
    return SearchPass(
        key=key,
        since=date.fromisoformat(item["since"]),
        next_page=int(item["next_page"]),
        total=item["total"],
        rows=int(item["rows"]),
        hits=int(item["hits"]),
        new_titles=int(item["new_titles"]),
    )


def _number(imdb_id: str) -> int:
    return int(imdb_id[2:])


def _id(number: int) -> str:
    return f"tt{number:07d}"


def _season(series_id: str, season: int) -> str:
    return f"{series_id[2:]}/{season}"


def _split_season(key: str) -> tuple[str, int]:
    number, _, season = key.partition("/")
    return f"tt{number}", int(season)


def _digest(title: str, year: int | None, kind: str | None) -> str:
    """Return 8 characters (48 bits) for a name: two of 100,000 names alike once in 50,000 runs."""
    text = f"{title.casefold()}|{year or ''}|{kind or ''}"
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:6]).decode()
