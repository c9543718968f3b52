"""An index from keys to the day and label of their last mark, in a few long strings.

A million titles take a few strings, which are fast to copy and compare: 8 to 13 bytes per title.

    {"2026-11-22": {"movie 2026 search": {"k3v9": "1375666 0816692"}}}

Below each day and label, the keys are grouped by the run that marked them. Two runs that start
from the same state (shards of a backfill, for example) therefore never write to the same string,
and a deep merge of their states, as `meltano state merge` does it, keeps the keys of both. Where
a key occurs more than once, the latest day counts, and within a day the run that started last:
the ids of runs sort in the order in which the runs started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from tap_omdb.config.settings import Refresh

OLDER = "older"
"""In place of the year of a title that is old enough to change rarely."""

K = TypeVar("K", bound="int | str")

Days = dict[str, dict[str, dict[str, str]]]
"""Day -> label -> run -> keys, separated by spaces."""

COMPACTED = "-"
"""Stands for all runs of a day so long ago that no shard started from it is still running."""
_COMPACT_AFTER = timedelta(days=7)
_GROUP_BITS = 24
_GROUP_MASK = (1 << _GROUP_BITS) - 1
_NO_GROUP = _GROUP_MASK
_WORDS = 10_000


class Label(NamedTuple):
    """What came of a request, as the words of its text: "movie 2026 search".

    Attributes:
        outcome: The type of a title that was fetched, or what else came of the request.
        detail: The year or `OLDER`; the type of a title whose stream was not selected.
        matched_by: How a title was found, as in the column `matched_by`; None if not known.
    """

    outcome: str
    detail: str = ""
    matched_by: str | None = None

    @classmethod
    def parse(cls, text: str) -> Label:
        """Parse what `str` returned.

        Raises:
            TypeError: The text has too many words.
        """
        return cls(*text.split(" "))

    def __str__(self) -> str:
        """Return the label as it is written to the state."""
        return " ".join(filter(None, self))


class Mark(NamedTuple):
    """The day (UTC) on which a key was last requested, and what came of it."""

    day: date
    label: Label

    def is_due(self, today: date, refresh: Refresh) -> bool:
        """Return whether a title or season is due again, by the year in its label."""
        year = self.label.detail
        days = refresh.days(int(year) if year.isdigit() else None, today)
        return days is not None and today - self.day >= timedelta(days=days)


def year_detail(year: int | None, today: date, refresh: Refresh) -> str:
    """Return the year for a label: `OLDER` once refreshes no longer depend on the exact year."""
    is_recent = year is not None and year >= today.year - refresh.RECENT_YEARS
    return str(year) if is_recent else OLDER


@dataclass(slots=True)
class _Group:
    """The keys that one run marked on one day with one label."""

    mark: Mark
    run: str
    text: str = ""
    added: list[str] = field(default_factory=list)
    """What `text` does not have yet."""
    is_stale: bool = False
    """Whether the text has keys that are no longer in this group, or an outdated detail."""


class DatedIndex(Generic[K]):
    """Maps each key to its last mark, and to a small number (`detail`)."""

    def __init__(
        self,
        run: str,
        parse: Callable[[str], tuple[K, int]],
        encode: Callable[[K, int], str],
        entries: MutableMapping[K, int],
    ) -> None:
        """Start empty.

        Args:
            run: Identifies this run among all that write to the same state.
            parse: Parses what `encode` returned.
            encode: Returns a key and its detail as text without spaces.
            entries: An empty mapping, in which the index keeps a number for each key.
        """
        self._run = run
        self._parse = parse
        self._encode = encode
        self._groups: list[_Group] = []
        self._numbers: dict[tuple[Mark, str], int] = {}
        # The group's number, and in the bits above it the detail: one int per key, to save memory.
        self._entries = entries

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._entries)

    def load(self, days: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        """Read what `dump` returned, or a merge of several such states."""
        latest = max(days, default=None)
        if latest is None:
            return
        compacted = date.fromisoformat(latest) - _COMPACT_AFTER
        for text in sorted(days):
            day = date.fromisoformat(text)
            groups = [
                (run, Mark(day, Label.parse(label)), keys)
                for label, runs in days[text].items()
                for run, keys in runs.items()
            ]
            for run, mark, keys in sorted(groups, key=itemgetter(0)):
                self._load_group(mark, COMPACTED if day < compacted else run, keys)

    def dump(self) -> Days:
        """Return everything as JSON-serialisable data; cheap when little has changed."""
        days: Days = {}
        for number, group in enumerate(self._groups):
            if group.added:
                group.text = " ".join([group.text, *group.added]).lstrip()
                group.added.clear()
            if group.is_stale:
                self._rewrite(number, group)
            if group.text:
                labels = days.setdefault(group.mark.day.isoformat(), {})
                labels.setdefault(str(group.mark.label), {})[group.run] = group.text
        return days

    def mark(self, key: K, mark: Mark, detail: int = 0) -> None:
        """Set the mark and detail of a key."""
        number = self._number(mark, self._run)
        entry = number | detail << _GROUP_BITS
        if self._entries.get(key) != entry:
            self._put(key, entry)
            self._groups[number].added.append(self._encode(key, detail))

    def remove(self, key: K) -> None:
        """Remove a key, if it is there."""
        if (entry := self._entries.pop(key, None)) is not None:
            self._groups[entry & _GROUP_MASK].is_stale = True

    def get(self, key: K) -> Mark | None:
        """Return the last mark of a key; None if there is none."""
        entry = self._entries.get(key)
        return None if entry is None else self._groups[entry & _GROUP_MASK].mark

    def detail(self, key: K) -> int:
        """Return the detail of a key; 0 if it has none."""
        return self._entries.get(key, 0) >> _GROUP_BITS

    def oldest_first(self, matches: Callable[[Mark], bool]) -> Iterator[tuple[K, Label]]:
        """Yield the keys and labels whose marks match, in the order of their days."""
        self.dump()
        groups = enumerate(self._groups)
        found = [(g.mark.day, number) for number, g in groups if g.text and matches(g.mark)]
        for _, number in sorted(found):
            group = self._groups[number]
            for token in _tokens(group.text):
                key, _ = self._parse(token)
                if self._entries.get(key, _NO_GROUP) & _GROUP_MASK == number:
                    yield key, group.mark.label

    def _load_group(self, mark: Mark, run: str, keys: str) -> None:
        number = self._number(mark, run)
        group = self._groups[number]
        group.text = f"{group.text} {keys}".lstrip()
        for token in _tokens(keys):
            key, detail = self._parse(token)
            self._put(key, number | detail << _GROUP_BITS)

    def _number(self, mark: Mark, run: str) -> int:
        number = self._numbers.get((mark, run))
        if number is None:
            number = self._numbers[mark, run] = len(self._groups)
            self._groups.append(_Group(mark, run))
        return number

    def _put(self, key: K, entry: int) -> None:
        before = self._entries.get(key)
        if before is not None:
            self._groups[before & _GROUP_MASK].is_stale = True
        self._entries[key] = entry

    def _rewrite(self, number: int, group: _Group) -> None:
        """Remove from a group's text the keys that have moved to another group or occur twice."""
        kept, seen = bytearray(), set[K]()
        for token in _tokens(group.text):
            key, _ = self._parse(token)
            entry = self._entries.get(key, _NO_GROUP)
            if entry & _GROUP_MASK == number and key not in seen:
                seen.add(key)
                kept += self._encode(key, entry >> _GROUP_BITS).encode() + b" "
        group.text = kept.decode().rstrip()
        group.is_stale = False


def _tokens(text: str) -> Iterator[str]:
    """Yield the words of a text; a list of all would take ten times as much memory."""
    while text:
        words = text.split(None, _WORDS)
        text = words.pop() if len(words) > _WORDS else ""
        yield from words


def text_index(run: str) -> DatedIndex[str]:
    """Return an empty index of keys that are text without spaces, and have no detail."""
    return DatedIndex(run, lambda token: (token, 0), lambda key, _: key, {})
