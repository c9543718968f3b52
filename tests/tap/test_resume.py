"""Whatever is killed at any time: all records are loaded, and no response is requested twice."""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import time_machine
from omdb_emulator.testing import Emulator, title_line
from tap_omdb.omdb.records import STREAM_OF_TYPE

from tests.tap.conftest import KEY, Config, Tap

State = dict[str, Any]
Clock = time_machine.Traveller

PAGE = 10
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def title(number: int, name: str, year: str = "2010", kind: str = "movie") -> dict[str, Any]:
    plots = {"Plot": "Short.", "PlotFull": "It is a long story."}
    return title_line(f"tt{number:07d}", name, kind, Year=year, imdbVotes=str(number), **plots)


def show(number: int, name: str, seasons: int, episodes: int) -> Iterator[dict[str, Any]]:
    """Yield a series and its episodes, whose numbers follow that of the series."""
    series = title(number, name, "2010\u20132013", "series")
    yield {**series, "totalSeasons": str(seasons)}
    for season in range(1, seasons + 1):
        for episode in range(1, episodes + 1):
            yield {
                **title(
                    number + season * 100 + episode, f"Part {season}.{episode}", kind="episode"
                ),
                "Season": str(season),
                "Episode": str(episode),
                "seriesID": series["imdbID"],
            }


def requests(omdb: Emulator, since: int = 0) -> Counter[str]:
    """Return how often each request was sent."""
    return Counter(
        "&".join(f"{name}={value}" for name, value in request["query"].items() if name != "plot")
        for request in omdb.requests()[since:]
    )


def keys(messages: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the streams and keys of all records; `syncs` has another in each run."""
    names: dict[str, list[str]] = {}
    found = set()
    for message in messages:
        if message["type"] == "SCHEMA":
            names[message["stream"]] = message["key_properties"]
        elif message["type"] == "RECORD" and message["stream"] != "syncs":
            stream = message["stream"]
            key = "|".join(str(message["record"][name]) for name in names[stream])
            found.add((stream, key))
    return found


def known(state: State) -> dict[str, Any]:
    """Return what a state holds, without the order of keys, the runs and their requests."""
    sync_state = {**state["bookmarks"]["sync_state"]}
    sync_state.pop("requests")
    for part in ("titles", "seasons", "lookups"):
        sync_state[part] = {
            (day, label): {key for keys in runs.values() for key in keys.split()}
            for day, labels in sync_state[part].items()
            for label, runs in labels.items()
        }
    for part in ("pending", "failures", "search_progress"):
        sync_state[part] = {key: [*runs.values()] for key, runs in sync_state[part].items()}
    return sync_state


# At every moment at which a state may be written


ALL_KINDS = [
    *(title(n, f"Alpha {n}" + (" Beta" if n % 3 else "")) for n in range(1, 13)),
    *(title(n, f"Beta {n}", "2011") for n in range(26, 29)),
    title(41, "The Theme"),
    title(42, "The Threat"),
    *show(1000, "Alpha Show", seasons=3, episodes=2),
    {"imdbID": "tt0001202", "Emulator": {"raw": '{"Title":"Broken "quote" : "x'}},
    {**title(50, "Two Ids"), "Emulator": {"merged_into": "tt0000041"}},
    {**title(51, "Trouble"), "Emulator": {"error": "Error getting data."}},
]


def is_known(request: str, state: State) -> bool:
    """Return whether a state already covers a request."""
    sync_state = state["bookmarks"]["sync_state"]
    query = dict(part.split("=", 1) for part in request.split("&"))

    def has(part: str, key: str) -> bool:
        days = sync_state[part].values()
        groups = (runs.values() for labels in days for runs in labels.values())
        return any(key in keys.split() for group in groups for keys in group)

    if "season" in query:
        return has("seasons", f"{query['i'][2:]}/{query['season']}")
    if "i" in query:
        number = query["i"][2:]
        return (
            has("titles", number)
            or number in sync_state["merged_ids"]
            or query["i"] in sync_state["failures"]
        )
    if "s" in query:
        year, kind = query.get("y", "-"), query.get("type", "-")
        progress = sync_state["search_progress"].get(f"{query['s']}|{year}|{kind}")
        if progress:
            return any(int(query["page"]) < int(item["next_page"]) for item in progress.values())
        groups = (day.get(f"{year} {kind}", {}) for day in sync_state["searches"].values())
        return any(query["s"] in group for group in groups)
    return False


@pytest.fixture
def many_sources(tmp_path: Path) -> Config:
    """A config with all kinds of tasks."""
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


def test_a_run_can_be_killed_after_any_row(
    sync: Tap, many_sources: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Emulator(ALL_KINDS, keys={KEY: None}) as omdb:
        config = {**many_sources, "api_url": omdb.url, "cache_dir": str(tmp_path / "whole")}
        with monkeypatch.context() as patch:
            # Write a state after every row.
            patch.setattr("tap_omdb.sync.run.STATE_SECONDS", 0)
            patch.setattr("tap_omdb.sync.run._MAX_SHARE_FOR_STATE", math.inf)
            whole = sync(config)
        sent = requests(omdb)
        assert set(sent.values()) == {1}
        positions = [
            position
            for position, message in enumerate(whole.messages)
            if message["type"] == "STATE" and message["value"].get("bookmarks")
        ]
        assert len(positions) > 50
        for number, position in enumerate(positions):
            loaded, state = whole.messages[:position], whole.messages[position]["value"]

            # All responses are on disk: nothing is requested again.
            omdb.reset()
            copy = tmp_path / f"copy-{number}"
            shutil.copytree(tmp_path / "whole", copy)
            rest = sync({**config, "cache_dir": str(copy)}, state)
            assert not requests(omdb)
            assert keys([*loaded, *rest.messages]) == keys(whole.messages)
            assert known(rest.state) == known(whole.state)

            # No response is: only what the loader has not confirmed is requested again.
            if number % 4:
                continue
            rest = sync({**config, "cache_dir": None}, state)
            again = requests(omdb)
            assert again <= sent
            assert keys([*loaded, *rest.messages]) == keys(whole.messages)
            assert known(rest.state) == known(whole.state)
            assert not [request for request in again if is_known(request, state)]


# Killed processes


TAP = """
import sys

import tap_omdb.sync.run
from tap_omdb.tap import TapOMDb

# A state every 0.05 s instead of every 5 s, since these runs are short.
tap_omdb.sync.run.STATE_SECONDS = 0.05
TapOMDb.cli()
"""
TARGET = """
import json, sqlite3, sys

# Keeps each message once, commits every 15 records and at the end, and confirms a state after that.
database = sqlite3.connect(sys.argv[1])
database.execute("create table if not exists message (line unique)")
state, records = "", 0

def commit():
    database.commit()
    if state:
        print(state, flush=True)

for line in sys.stdin:
    if not line.endswith("\\n"):
        break
    message = json.loads(line)
    if message["type"] == "STATE":
        state = json.dumps(message["value"])
        continue
    database.execute("insert or ignore into message values (?)", [line])
    records += message["type"] == "RECORD"
    if records == 15:
        commit()
        state, records = "", 0
commit()
"""
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


class Kill(NamedTuple):
    """Which process is killed ("both": the tap and the target), how, and when.

    Attributes:
        after: Requests of the run.
        wait: Seconds after them.
    """

    victim: str
    number: signal.Signals
    after: int
    wait: float


def kills() -> list[Kill]:
    """Return each kind of kill twice, in random order and after random delays."""
    picked = random.Random(20101)  # noqa: S311 - not a secret
    kinds = [*product(("tap", "target", "both"), (signal.SIGKILL, signal.SIGTERM))] * 2
    picked.shuffle(kinds)
    return [
        # One in eight while the tap is still starting.
        Kill(*kind, after, picked.random() * (0.01 if after else 1))
        for kind in kinds
        for after in [picked.randint(1, 20) if picked.random() > 1 / 8 else 0]
    ]


class Pipe:
    """Runs tap | target repeatedly, each time with the state that the target printed."""

    def __init__(self, omdb: Emulator, directory: Path) -> None:
        self.omdb = omdb
        self.directory = directory
        self.state: State = {}
        config = {**SCOPE, "api_url": omdb.url, "cache_dir": str(directory / "cache")}
        (directory / "config.json").write_text(json.dumps(config))

    def run(self, kill: Kill | None = None) -> bool:
        """Run once, and kill a process meanwhile; return whether it was still running."""
        before = self.omdb.stats()["requests"]
        tap, target = self._start()
        was_killed = kill is not None and self._kill(kill, tap, target, before)
        for process in (tap, target):
            process.wait(60)
        sent = requests(self.omdb, before)
        assert set(sent.values()) <= {1}, "a request was sent twice in one run"
        if self.state:
            assert not [request for request in sent if is_known(request, self.state)]
        assert was_killed or tap.returncode == 0, (self.directory / "log").read_text()
        lines = (self.directory / "confirmed").read_text().splitlines(keepends=True)
        states = [line for line in lines if line.endswith("\n")]
        if states:
            self.state = json.loads(states[-1])
        return was_killed

    def loaded(self) -> set[tuple[str, str]]:
        """Return the streams and keys of what the target has committed."""
        with closing(sqlite3.connect(self.directory / "loaded.db")) as connection:
            lines = connection.execute("select line from message order by rowid").fetchall()
        loaded = keys(json.loads(line) for (line,) in lines)
        return {(stream, key) for stream, key in loaded if stream != "searches"}

    def _start(self) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        tap = [sys.executable, "-c", TAP, "--config", str(self.directory / "config.json")]
        if self.state:
            (self.directory / "state.json").write_text(json.dumps(self.state))
            tap += ["--state", str(self.directory / "state.json")]
        target = [sys.executable, "-c", TARGET, str(self.directory / "loaded.db")]
        with (
            (self.directory / "log").open("w") as log,
            (self.directory / "confirmed").open("w") as confirmed,
        ):
            source = subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=log)
            sink = subprocess.Popen(target, stdin=source.stdout, stdout=confirmed, stderr=log)
        assert source.stdout is not None
        source.stdout.close()
        return source, sink

    def _kill(
        self, kill: Kill, tap: subprocess.Popen[bytes], target: subprocess.Popen[bytes], before: int
    ) -> bool:
        while self.omdb.stats()["requests"] - before < kill.after and tap.poll() is None:
            time.sleep(0.002)
        time.sleep(kill.wait)
        if tap.poll() is not None:
            return False
        for name, process in (("tap", tap), ("target", target)):
            if kill.victim in {name, "both"}:
                process.send_signal(kill.number)
        return True


def test_whatever_is_killed_all_is_loaded_and_nothing_is_requested_twice(
    sync: Tap, omdb: Emulator, tmp_path: Path
) -> None:
    sync({**SCOPE, "cache_dir": None})
    undisturbed = requests(omdb)
    omdb.reset()
    omdb.set_latency(25)
    pipe = Pipe(omdb, tmp_path)
    killed = [kill for kill in kills() if pipe.run(kill)]
    assert len(killed) >= 10
    assert not pipe.run()
    assert pipe.loaded() == {(STREAM_OF_TYPE[line["Type"]], line["imdbID"]) for line in CATALOGUE}
    # Requests in flight at a SIGKILL are lost: their responses never arrived.
    hard = [k for k in killed if k.number == signal.SIGKILL and k.victim != "target"]
    sent = requests(omdb)
    assert {*sent} == {*undisturbed}
    assert sent.total() - len(sent) <= WORKERS * len(hard)

    pipe.run()
    assert requests(omdb) == sent, "a run right after a complete one sends no request"


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(NOON) as traveller:
        yield traveller


@pytest.fixture
def config(config: Config, tmp_path: Path) -> Config:
    """A config that searches for some of the movies of 2010, and caches the responses."""
    return {**config, "search_terms": ["alpha"], "years": [2010], "cache_dir": str(tmp_path / "c")}


# A budget, day by day


@pytest.mark.parametrize("limit", ["max_requests", "daily_requests"])
def test_a_small_budget_completes_over_several_days(
    sync: Tap, config: Config, omdb: Emulator, clock: Clock, limit: str
) -> None:
    config[limit] = 13
    movies = {t["imdbID"] for t in CATALOGUE if "Alpha" in t["Title"] and t["Year"] == "2010"}
    minimum = len(movies) + math.ceil(len(movies) / PAGE)
    state: State = {}
    emitted: list[str] = []
    for day in range(math.ceil(minimum / 13)):
        run = sync(state=state)
        state = run.state
        assert run.exit_code == 0
        assert run.ids("movies"), "each day brings movies"
        emitted += run.ids("movies")
        is_last = (day + 1) * 13 >= minimum
        assert ("Ended early" in run.log) == (not is_last)
        if not is_last:
            assert omdb.stats()["requests"] == 13 * (day + 1), "the whole budget is spent"
            assert f"{limit} (13) is exhausted" in run.log
        clock.shift(DAY)
    assert sorted(emitted) == sorted(movies)
    assert "Ended early" not in sync(state=state).log
    assert omdb.stats()["requests"] == minimum


# Starting over, and changed settings


def test_a_full_refresh_reuses_the_responses_on_disk_once(
    sync: Tap, omdb: Emulator, clock: Clock
) -> None:
    first = sync()
    spent = omdb.stats()["requests"]
    again = sync()
    assert keys(again.messages) == keys(first.messages)
    assert known(again.state) == known(first.state)
    assert omdb.stats()["requests"] == spent
    # Once a run has read a state that covers them, the responses are deleted.
    clock.shift(DAY / 12)
    sync(state=again.state)
    assert keys(sync().messages) == keys(first.messages)
    assert omdb.stats()["requests"] == 2 * spent


def test_cached_responses_keep_the_day_on_which_they_were_received(
    sync: Tap, omdb: Emulator, clock: Clock
) -> None:
    sync()
    spent = omdb.stats()["requests"]
    clock.shift(20 * DAY)
    run = sync()
    assert omdb.stats()["requests"] == spent
    assert [*run.sync_state["titles"]] == [*run.sync_state["searches"]] == ["2026-11-22"]


def test_a_temporary_error_is_requested_again_on_the_next_day(
    sync: Tap, omdb: Emulator, clock: Clock
) -> None:
    omdb.fault("error", message="Error getting data.")
    lookup = {"titles": [{"title": "Alpha 1"}], "imdb_ids": ["tt0000001"]}
    config = {"search_terms": [], "years": [], **lookup}
    run = sync(config)
    assert run.counts == {"rejects": 2}
    sync(config)
    sync(config, run.state)
    assert omdb.stats()["requests"] == 2, "on the same day, the cached response is used"
    omdb.clear_faults()
    clock.shift(DAY)
    assert sync(config, run.state).counts == {"movies": 2, "lookups": 1}
    assert omdb.stats()["requests"] == 4


def test_more_types_years_and_terms_take_only_the_additional_requests(
    sync: Tap, omdb: Emulator
) -> None:
    first = sync()
    sent = requests(omdb)

    since = omdb.stats()["requests"]
    run = sync({"types": ["movie", "series", "episode"]}, first.state)
    assert run.counts == {"series": 1, "episodes": 27, "searches": 1}
    assert sorted(requests(omdb, since)) == [
        "i=tt0001000",
        *(f"i=tt0001000&season={number}&detail=full" for number in (1, 2, 3)),
        "s=alpha&y=2010&type=series&page=1",
    ]

    since = omdb.stats()["requests"]
    run = sync({"years": [2010, 2011], "search_terms": ["alpha", "beta"]}, first.state)
    assert not requests(omdb, since) & sent
    assert run.ids("movies")
    assert not {*first.ids("movies")} & {*run.ids("movies")}


def test_a_change_of_plot_applies_from_the_next_refresh_on(
    sync: Tap, omdb: Emulator, clock: Clock
) -> None:
    state = sync().state
    full = {"plot": "full", "refresh": {"older": 30}}
    spent = omdb.stats()["requests"]
    assert sync(full, state).counts == {}
    assert omdb.stats()["requests"] == spent
    # Cached responses with the short plot do not match these requests.
    again = sync(full)
    assert {record["plot"] for record in again.records("movies")} == {"It is a long story."}
    clock.shift(30 * DAY)
    assert {*sync(full, state).ids("movies")} == {*again.ids("movies")}
