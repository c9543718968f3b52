"""The SDK's standard tests, and stricter ones: of keys, schemas, state and selection."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from jsonschema import Draft202012Validator, FormatChecker
from omdb_emulator.testing import Emulator
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_omdb.tap import TapOMDb

if TYPE_CHECKING:
    from tests.tap.conftest import Config, Run, RunTap

KEY = "a1b2c3d4"
DETAILS = ("movies", "series", "episodes", "games")
STREAMS = {*DETAILS, "searches", "rejects"}
NOW = datetime(2026, 6, 15, 12, 30, 15, 123456, tzinfo=timezone.utc)

EVERYTHING: dict[str, Any] = {
    "years": [2010],
    "search_terms": ["harry*", "the", "no such words"],
    "imdb_ids": [
        "tt1375666",
        "tt99000001",
        "tt0000404",  # OMDb has no such title
        "tt99000061",  # nor the data of this one
        "tt4440394",  # merged into tt2250912
        "tt0185906",  # a series with one season
        "tt0491738",  # a series, most seasons of which are missing
    ],
    "titles": [{"title": "Up", "year": 2009}, {"title": "No Such Title"}],
    "types": ["movie", "series", "episode", "game"],
}
"""A config that gives each stream records, and each sort of reject that needs no fault."""

# The SDK's runner asks once, as the class is used; it has no fixtures, so this is a module's.
_emulator = Emulator(keys={KEY: None})


def setup_module() -> None:
    _emulator.__enter__()
    # Only now is it known where the emulator listens.
    _config["api_url"] = _emulator.url


def teardown_module() -> None:
    _emulator.__exit__(None, None, None)


_config: dict[str, Any] = {"api_key": KEY, "api_url": "http://127.0.0.1:1/", **EVERYTHING}
# parse_env_config would take in what a developer has set for runs of their own.
_Standard = get_tap_test_class(
    TapOMDb,
    config=_config,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
)


# Of `unparsed` and `extra`, which are null in good records.
@pytest.mark.filterwarnings("ignore:No records were available to test")
class TestStandard(_Standard):  # type: ignore[misc, valid-type]
    """What the SDK asks of every tap."""

    params = _Standard.params


@pytest.fixture
def everything(sync: RunTap, config: Config) -> Run:
    """A run, under a clock that stands still, that gives each stream records."""
    with time_machine.travel(NOW, tick=False):
        return sync({**config, **EVERYTHING})


def test_each_stream_gives_records(everything: Run) -> None:
    assert set(everything.counts) == STREAMS


def test_each_record_comes_after_its_schema_and_is_valid(everything: Run) -> None:
    validators: dict[str, Draft202012Validator] = {}
    for message in everything.messages:
        if message["type"] == "SCHEMA":
            schema = message["schema"]
            Draft202012Validator.check_schema(schema)
            # Nothing beside what the schema says: the loader would leave it out in silence.
            strict = {**schema, "additionalProperties": False}
            validators[message["stream"]] = Draft202012Validator(strict, format_checker=_formats())
        elif message["type"] == "RECORD":
            validators[message["stream"]].validate(message["record"])


def test_each_record_has_each_field(everything: Run) -> None:
    fields = {
        message["stream"]: list(message["schema"]["properties"])
        for message in everything.messages
        if message["type"] == "SCHEMA"
    }
    for stream in STREAMS:
        for record in everything.records(stream):
            assert list(record) == fields[stream]


def test_a_schema_never_changes_within_a_run(everything: Run) -> None:
    for stream in STREAMS:
        schemas = [
            message
            for message in everything.messages
            if message["type"] == "SCHEMA" and message["stream"] == stream
        ]
        assert schemas
        assert all(schema == schemas[0] for schema in schemas)


def test_keys_are_unique_and_each_title_is_in_one_stream(everything: Run) -> None:
    keys = {
        message["stream"]: message["key_properties"]
        for message in everything.messages
        if message["type"] == "SCHEMA"
    }
    assert keys == {
        **{stream: ["imdb_id"] for stream in DETAILS},
        "searches": ["search_id"],
        "rejects": ["reject_id"],
    }
    for stream, [key] in keys.items():
        values = [record[key] for record in everything.records(stream)]
        assert len(values) == len(set(values)), stream
        assert None not in values
    ids = [
        i for stream in ("movies", "series", "episodes", "games") for i in everything.ids(stream)
    ]
    assert len(ids) == len(set(ids))


def test_the_final_state_says_all_that_the_run_has_done(everything: Run) -> None:
    state = everything.state
    known: dict[str, set[str]] = defaultdict(set)
    for kind, stream in (("movie", "movies"), ("series", "series"), ("game", "games")):
        for record in everything.records(stream):
            year = record["year"]
            is_recent = year is not None and year >= NOW.year - 3
            known[f"{kind} {year if is_recent else 'older'}"].add(record["imdb_id"][2:])
    requests = sum(state["bookmarks"]["sync_state"]["requests"].values())
    at = "2026-06-15T12:30:15Z"
    stamped = dict.fromkeys(DETAILS, "fetched_at")
    stamped |= {"rejects": "rejected_at", "searches": "searched_at"}
    ledger = state["bookmarks"].pop("ledger")
    assert state == {
        "bookmarks": {
            stream: {"replication_key": key, "replication_key_value": at}
            for stream, key in stamped.items()
        }
    }
    day = "2026-06-15"
    titles = {label: set(text.split()) for label, text in ledger["titles"][day].items()}
    assert titles == known
    searches = {row["search_id"]: row["total_results"] for row in everything.records("searches")}
    assert ledger == {
        "version": 1,
        "titles": {day: ledger["titles"][day]},
        "seasons": ledger["seasons"],
        "lookups": ledger["lookups"],
        "searches": {
            day: {
                "2010 -": {
                    "harry*": searches["harry*|2010|-"],
                    "the": 0,
                    "no such words": 0,
                }
            }
        },
        "passes": {},
        "pending": {},
        "failing": {imdb_id: {"day": day, "tries": 1} for imdb_id in ("tt0000404", "tt99000061")},
        "merged": {"4440394": "2250912"},
        "requests": {f"{day}/7d": requests},
    }
    read = [text.split() for text in ledger["seasons"][day].values()]
    assert sorted(season for seasons in read for season in seasons) == [
        "0185906/1",
        *(f"0491738/{season}" for season in range(1, 9)),
    ]
    assert sorted(ledger["lookups"][day]) == ["found", "gone"]


def test_a_state_follows_the_last_record(everything: Run) -> None:
    kinds = [message["type"] for message in everything.messages if message["type"] != "SCHEMA"]
    assert kinds[-1] == "STATE"


def test_a_state_with_records_comes_back_as_it_went(
    everything: Run, sync: RunTap, config: Config
) -> None:
    with time_machine.travel(NOW, tick=False):
        again = sync({**config, **EVERYTHING}, everything.state)
    assert again.counts == {}
    assert again.state == everything.state


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_a_stream_that_is_not_selected_has_no_message_and_costs_no_request(
    stream: str, sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, **EVERYTHING}, select=STREAMS - {stream})
    assert {m["stream"] for m in run.messages if "stream" in m} == STREAMS - {stream}
    assert set(run.counts) == STREAMS - {stream}
    kinds = [r["query"].get("type") for r in omdb.requests() if r["kind"] == "search"]
    kind = {"movies": "movie", "games": "game"}.get(stream)
    if kind:
        assert kind not in kinds
    if stream == "episodes":
        assert omdb.stats()["by_kind"].get("season", 0) == 0


@pytest.mark.parametrize(
    ("stream", "kinds"),
    [
        ("movies", {"search", "details", "title"}),
        ("series", {"search", "details", "title"}),
        ("games", {"search", "details", "title"}),
        ("episodes", {"search", "details", "title", "season"}),
    ],
)
def test_a_stream_that_is_selected_alone(
    stream: str, kinds: set[str], sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, **EVERYTHING}, select={stream})
    assert {m["stream"] for m in run.messages if "stream" in m} == {stream}
    assert set(run.counts) == {stream}
    assert set(omdb.stats()["by_kind"]) <= kinds
    everything = sync({**config, **EVERYTHING})
    assert sorted(run.ids(stream)) == sorted(everything.ids(stream))


def test_nothing_is_asked_when_no_stream_is_selected(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, **EVERYTHING}, select=set())
    assert run.exit_code == 0
    assert [m for m in run.messages if m["type"] != "STATE"] == []
    assert omdb.stats()["requests"] == 0


def _is_timestamp(value: object) -> bool:
    if isinstance(value, str):
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007
    return True


def _formats() -> FormatChecker:
    """Check dates, and times as the tap writes them; jsonschema leaves times to other packages."""
    checker = FormatChecker(["date"])
    checker.checkers = {**checker.checkers, "date-time": (_is_timestamp, ValueError)}
    return checker
