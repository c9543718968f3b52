"""Each setting is validated before the first request; an error message gives the remedy."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from omdb_emulator.testing import Emulator
from tap_omdb.tap import TapOMDb

from tests.tap.conftest import Command, Config, Run, Tap

KEY = "a1b2c3d4"
NEXT_YEAR = datetime.now(timezone.utc).year + 1

INVALID: list[tuple[dict[str, Any], str, str]] = [
    # settings added to a valid config, what the message names, the remedy that it gives
    ({"api_key": None}, "api_key is missing: get a key at https://www.omdb", "TAP_OMDB_API_KEY"),
    ({"api_key": " "}, "api_key is missing: get a key at https://www.omdb", "TAP_OMDB_API_KEY"),
    ({"api_key": "<your-key>"}, "api_key: this is not an OMDb key", "eight hexadecimal digits"),
    ({"years": [1800]}, "years: 1800 is outside the years of films", "use 1870 to 20"),
    ({"years": ["abc"]}, 'years: "abc" is not a year', '"2010-2015"'),
    ({"years": ["2015-2010"]}, 'years: "2015-2010" ends before it begins;', "earlier year first"),
    ({"years": [f"{NEXT_YEAR}-"]}, f'years: "{NEXT_YEAR}-" ends before it begins', "ends with 20"),
    ({"years": ["2010-15"]}, 'years: "2010-15"', '"2010-2015"'),
    ({"years": ["-2010"]}, 'years: "-2010"', '"2020-"'),
    ({"years": [2010.5]}, "years[0]: 2010.5 is not a whole number or text", "[2010, "),
    ({"years": 2010.5}, "years: 2010.5 is not a list", "[2010, "),
    ({"search_terms": 7}, "search_terms: 7 is not a list", '["batman", "star*"]'),
    ({"search_terms": ["a*"]}, 'search_terms: "a*"', "at least two"),
    ({"search_terms": [7]}, "search_terms[0]: 7 is not text", '["batman", "star*"]'),
    ({"imdb_ids": ["foo"]}, 'imdb_ids: "foo"', "tt1375666"),
    ({"imdb_ids": ["nm0000138"]}, 'imdb_ids: "nm0000138"', "tt1375666"),
    ({"imdb_ids": [None]}, "imdb_ids[0]: null is not", '["tt1375666", '),
    ({"titles": "Inception"}, 'titles: "Inception" is not a list', '[{"title": "Inception", '),
    ({"titles": ["Inception"]}, 'titles[0]: "Inception" is not an object', '[{"title": '),
    ({"titles": [{"title": " "}]}, "titles:", "give each item a title"),
    ({"titles": [{"name": "Up"}]}, 'titles[0]: {"name": "Up"} has no title', '[{"title": '),
    ({"titles": [{"title": "Up", "yr": 1}]}, 'unknown name "yr", use title, year', '"year": 2010'),
    ({"titles": [{"title": "Up", "type": "film"}]}, 'titles: "Up"', "one of movie, series"),
    ({"titles": [{"title": "Up", "year": "x"}]}, 'titles[0].year: "x" is not', '"year": 2010'),
    ({"titles": [{"title": "Up", "year": 1800}]}, 'the year 1800 of "Up"', "use 1870 to 20"),
    ({"titles_file": "no-such-file.csv"}, "/no-such-file.csv; check the path", "there is no file"),
    ({"titles_file": "."}, "titles_file: . is not a regular file", "save what it gives to a file"),
    ({"titles_file": sys.executable}, "is not a text file", "Save it as CSV"),
    ({"titles_file": 5}, "titles_file: 5 is not text", "one IMDb id or title per line"),
    ({"ratings_file": "missing.gz"}, "ratings_file: missing.gz cannot be read", "check the path"),
    ({"min_votes": 0}, "min_votes: 0 is less than 1", "no minimum by default"),
    ({"min_votes": 100}, "min_votes needs ratings_file", "title.ratings.tsv.gz"),
    ({"types": ["film"]}, 'types[0]: "film" is not one of', "of movie, series, episode, game"),
    ({"types": []}, "types: the list is empty", "leave types out"),
    ({"plot": "long"}, 'plot: "long" is not one of', "short, full"),
    ({"coverage": 1.5}, "coverage: 1.5 is more than 1.", "from 0 to 1"),
    ({"coverage": -0.1}, "coverage: -0.1 is less than 0.", "from 0 to 1"),
    ({"max_requests": 0}, "max_requests: 0 is less than 1", "no limit by default"),
    ({"max_requests": 1.5}, "max_requests: 1.5 is not a whole number", "requests of one run"),
    ({"daily_requests": "many"}, 'daily_requests: "many" is not a', "1,000 for a free one"),
    ({"concurrency": 1000}, "concurrency: 1000 is more than 64", "concurrent requests"),
    ({"refresh": "never"}, 'refresh: "never" is not an object', '{"this_year": 3, "older": "nev'),
    ({"refresh": {"daily_share": -1}}, "refresh.daily_share: -1 is less than 0", "how many days"),
    ({"refresh": {"older": 0}}, "refresh.older: 0 is neither", '1 to 36500, nor "never"'),
    ({"refresh": {"older": "soon"}}, 'refresh.older: "soon" is neither', 'nor "never"'),
    ({"refresh": {"older": 10**9}}, "refresh.older: 1000000000 is neither", "1 to 36500"),
    ({"refresh": {"older": True}}, "refresh.older: true is not a whole number", '"never"'),
    ({"refresh": {"old": 5}}, 'refresh: unknown name "old"', "use this_year, recent, older"),
    ({"timeout": 0}, "timeout: 0 is less than 1", "Seconds"),
    ({"timeout": "soon"}, 'timeout: "soon" is not a number', "Seconds"),
    ({"cache_dir": 5}, "cache_dir: 5 is not text", "Directory"),
    ({"api_url": "www.omdbapi.com"}, 'api_url: "www.omdbapi.com"', "https://www.omdbapi.com/"),
    ({"api_url": "http://[::1"}, 'api_url: "http://[::1"', "https://www.omdbapi.com/"),
    ({"api_url": "http://localhost:99999/"}, 'api_url: "http:', "https://www.omdbapi.com/"),
    ({"api_url": "https://localhost/?apikey=x"}, "api_url:", "the key belongs in api_key"),
    ({"flattening_enabled": "perhaps"}, 'flattening_enabled: "perhaps" is not true', "or false"),
    ({"api_kye": "x"}, "unknown setting api_kye", "did you mean api_key?"),
    ({"year": [2010]}, "unknown setting year", "did you mean years?"),
    ({"quux": 1}, "unknown setting quux", "tap-omdb --about"),
    ({"imdb_ids": []}, "nothing to fetch", "imdb_ids, titles, titles_file"),
    ({"imdb_ids": " , "}, "nothing to fetch", "imdb_ids, titles, titles_file"),
]

VALID: list[tuple[dict[str, Any], Any]] = [
    # settings, the resulting value of the first one
    ({"coverage": Decimal("0.5")}, 0.5),
    ({"timeout": "2.5"}, 2.5),
    ({"concurrency": "4"}, 4),
    ({"concurrency": Decimal("4.0")}, 4),
    ({"max_requests": " 7 "}, 7),
    ({"max_requests": ""}, None),
    ({"daily_requests": None}, 1000),
    ({"refresh": None}, {"this_year": 7, "recent": 30, "older": 180, "daily_share": 0.5}),
    ({"refresh": '{"older": "never"}'}, {"older": "never"}),
    ({"refresh": {"this_year": "3"}}, {"this_year": "3"}),
    ({"types": None}, ["movie"]),
    ({"types": "movie, game"}, ["movie", "game"]),
    ({"plot": ""}, "short"),
    ({"api_url": ""}, "https://www.omdbapi.com/"),
    ({"years": 2010}, [2010]),
    ({"years": "2010, 2012-2015,"}, ["2010", "2012-2015"]),
    ({"years": '[2010, "2020-"]'}, [2010, "2020-"]),
    ({"years": "['2010', 2012]"}, ["2010", "2012"]),
    ({"years": ""}, None),
    ({"imdb_ids": "tt1375666"}, ["tt1375666"]),
    ({"imdb_ids": 1375666}, [1375666]),
    ({"search_terms": '["the good, the bad"]'}, ["the good, the bad"]),
    ({"titles": '[{"title": "Up"}]'}, [{"title": "Up"}]),
    ({"titles": [{"title": "Up", "year": "2009"}]}, [{"title": "Up", "year": 2009}]),
    ({"flattening_enabled": "False"}, False),
    ({"flattening_enabled": "yes", "flattening_max_depth": 1}, True),
]

PYTHON = re.compile(r"None|Decimal|: (True|False)|is not of type|[:\[,] '")
"""What only users who know Python or JSON Schema would understand."""


@pytest.mark.parametrize(
    ("settings", "names", "remedy"), INVALID, ids=lambda value: repr(value)[:60]
)
def test_an_invalid_setting_is_rejected_before_the_first_request(
    settings: dict[str, Any], names: str, remedy: str, sync: Tap, omdb: Emulator
) -> None:
    run = sync({"imdb_ids": ["tt1375666"], **settings})
    errors = _errors(run)
    assert run.exit_code == 1
    assert names in errors
    assert remedy in errors
    assert not PYTHON.search(errors)
    assert run.messages == []
    assert omdb.stats()["requests"] == 0


@pytest.mark.parametrize(("settings", "value"), VALID, ids=repr)
def test_null_means_the_default_and_text_is_coerced_to_the_type_of_the_setting(
    settings: dict[str, Any], value: object, config: Config
) -> None:
    tap = TapOMDb(config={**config, "imdb_ids": ["tt1375666"], **settings})
    assert tap.config.get(next(iter(settings))) == value


def test_all_errors_are_reported_at_once(sync: Tap) -> None:
    run = sync({"years": [None, 1.5], "imdb_ids": ["foo"], "year": 5, "plot": "x"})
    assert len(_errors(run).splitlines()) == 4


def test_an_invalid_source_does_not_count_as_a_missing_one(sync: Tap) -> None:
    run = sync({"years": [None]})
    assert "years[0]: null" in _errors(run)
    assert "nothing to fetch" not in _errors(run)


@pytest.mark.parametrize("key", [73519824, ["e5d6c7b8"], {"key": "e5d6c7b8"}], ids=repr)
def test_a_key_that_is_not_a_string_is_rejected_without_being_shown(key: object, sync: Tap) -> None:
    run = sync({"imdb_ids": ["tt1375666"], "api_key": key})
    assert run.exit_code == 1
    assert "api_key: a key is a string, so put it in quotes" in run.log
    assert not any(secret in run.log for secret in ("73519824", "e5d6c7b8"))


def test_the_url_may_lack_its_slash_and_whitespace_around_the_key_is_ignored(
    sync: Tap, omdb: Emulator
) -> None:
    changes = {"api_key": f" {KEY}\n", "api_url": omdb.url.rstrip("/")}
    run = sync({"imdb_ids": ["tt1375666"], **changes})
    assert run.ids("movies") == ["tt1375666"]
    assert KEY not in run.log


def test_an_id_is_normalised_and_that_is_logged(sync: Tap) -> None:
    run = sync({"imdb_ids": [816692, "tt120737", " tt0435761 "]})
    assert run.ids("movies") == ["tt0816692", "tt0120737", "tt0435761"]
    assert "imdb_ids: 816692 is read as tt0816692" in run.log
    assert "imdb_ids: tt120737 is read as tt0120737" in run.log


def test_a_tilde_stands_for_the_home_directory(
    sync: Tap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "watchlist.txt").write_text("tt1375666\n")
    run = sync({"titles_file": "~/watchlist.txt", "cache_dir": "~/cache"})
    assert run.ids("movies") == ["tt1375666"]
    assert (tmp_path / "cache" / "tap-omdb.db").is_file()


def test_plain_http_to_another_machine_causes_a_warning(sync: Tap) -> None:
    # A coverage of 0 means no search terms, so no request is sent.
    nothing = {"years": [2010], "coverage": 0}
    warning = "the API key is sent unencrypted"
    assert warning not in sync({**nothing}).log
    assert warning in sync({**nothing, "api_url": "http://omdb.example/"}).log
    assert warning not in sync({**nothing, "api_url": "https://omdb.example/"}).log


def test_a_config_from_environment_variables(
    command: Command, omdb: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("tt1049413\n")
    run = command(
        "--config=ENV",
        TAP_OMDB_API_KEY=KEY,
        TAP_OMDB_API_URL=omdb.url,
        TAP_OMDB_IMDB_IDS="tt1375666, 0816692",  # text instead of JSON
        TAP_OMDB_MAX_REQUESTS="",  # not set
        TAP_OMDB_TITLES='[{"title": "Shutter Island"}]',
        TAP_OMDB_TITLES_FILE=json.dumps([str(tmp_path / "*.txt")]),
        TAP_OMDB_YEARS='["2010-2011"]',
        TAP_OMDB_SEARCH_TERMS='["toy story"]',
        TAP_OMDB_PLOT="full",
        TAP_OMDB_CONCURRENCY="2",
        TAP_OMDB_REFRESH='{"older": "never"}',
        TAP_OMDB_TIMEOUT="9.5",
    )
    assert run.exit_code == 0, run.log
    titles = {record["title"] for record in run.records("movies")}
    assert titles == {"Inception", "Interstellar", "Shutter Island", "Up", "Toy Story 3"}
    plots = [r["query"].get("plot") for r in omdb.requests() if r["kind"] == "details"]
    assert set(plots) == {"full"}


def test_a_misspelt_and_an_invalid_variable_are_reported(command: Command) -> None:
    misspelt = {"TAP_OMDB_YAERS": "2010", "TAP_OMDB_IDS": "tt1", "TAP_OMDB_LOGLEVEL": "INFO"}
    given = {"TAP_OMDB_API_KEY": KEY, "TAP_OMDB_YEARS": "twenty"}
    run = command("--config=ENV", **given, **misspelt)
    assert run.exit_code == 1
    ignored = "is not a setting and is ignored"
    assert f"TAP_OMDB_YAERS {ignored}: did you mean TAP_OMDB_YEARS?" in run.log
    assert f"TAP_OMDB_IDS {ignored}: tap-omdb --about lists all settings" in run.log
    assert "TAP_OMDB_LOGLEVEL" not in run.log
    error, _the_sdks_summary = _errors(run).splitlines()
    assert 'years: "twenty" is not a year' in error
    assert "Traceback" not in run.log
    assert KEY not in run.log


def test_under_meltano_only_likely_misspellings_are_reported(
    sync: Tap, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_OMDB_YAERS", "2010")
    config["imdb_ids"] = ["tt1375666"]
    assert "TAP_OMDB_YAERS" not in sync().log, "a file does not depend on variables"
    monkeypatch.setenv("MELTANO_EXTRACTOR_NAME", "tap-omdb")
    # What Meltano 4.4 exports: settings, their parts, its own extras.
    monkeypatch.setenv("TAP_OMDB_REFRESH_OLDER", "90")
    monkeypatch.setenv("TAP_OMDB__LOAD_SCHEMA", "tap_omdb")
    monkeypatch.setenv("TAP_OMDB__SELECT", '["*.*"]')
    monkeypatch.setenv("TAP_OMDB_SERIES_API_KEY", KEY)
    warnings = [line for line in sync().log.splitlines() if "| WARNING " in line]
    assert len(warnings) == 1
    assert "TAP_OMDB_YAERS is not a setting" in warnings[0]


# Warnings


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({}, None),
        ({"api_key": "your-key-here"}, "api_key does not look like an OMDb key"),
        ({"search_terms": ["inception"], "coverage": 0.5}, "coverage has no effect"),
        ({"search_terms": ["inception"]}, None),
        ({"titles_file": ["list.txt"]}, None),
        ({"titles_file": "list.txt", "years": [2010], "coverage": 0}, None),
        ({"titles_file": "basics.tsv", "years": [2010]}, None),
    ],
)
def test_settings_that_may_not_do_what_was_intended_cause_a_warning(
    settings: dict[str, Any],
    warning: str | None,
    sync: Tap,
    omdb: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("tt1375666\n")
    (tmp_path / "basics.tsv").write_text(
        "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\t"
        "runtimeMinutes\tgenres\ntt1375666\tmovie\tInception\tInception\t0\t2010\t\\N\t148\tSci-Fi\n"
    )
    omdb.set_key("your-key-here")
    run = sync({"imdb_ids": ["tt1375666"], **settings})
    assert run.exit_code == 0, run.log
    warnings = [line for line in run.log.splitlines() if "| WARNING " in line]
    assert [warning in line for line in warnings] == [True] if warning else warnings == []


def test_types_whose_streams_are_not_selected_cause_a_warning(sync: Tap, config: Config) -> None:
    searches = {**config, "search_terms": ["inception"]}
    run = sync(searches, select={"series", "games", "rejects"})
    assert 'set types to ["series", "game"]' in run.log
    assert "set types" not in sync(searches, select={"searches"}).log
    assert "set types" not in sync(searches, select={"movies"}).log


def _errors(run: Run) -> str:
    return "\n".join(line for line in run.log.splitlines() if "| ERROR " in line)
