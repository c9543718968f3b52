"""Each setting is checked before the first request, and a refusal says what to do."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from tap_omdb.tap import TapOMDb

if TYPE_CHECKING:
    from pathlib import Path

    from omdb_emulator.testing import Emulator

    from tests.tap.conftest import Command, Config, Run, RunTap

KEY = "a1b2c3d4"

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # settings beside a good config · what the message names · the remedy it gives
    ({"years": [1800]}, "years: 1800", "1870 to"),
    ({"years": [3000]}, "years: 3000", "1870 to"),
    ({"years": ["abc"]}, "years: 'abc'", "'2010-2015'"),
    ({"years": ["2015-2010"]}, "years: '2015-2010'", "ends before it begins"),
    ({"years": ["1800-2010"]}, "years: '1800-2010'", "1870 to"),
    ({"years": ["2010-15"]}, "years: '2010-15'", "'2010-2015'"),
    ({"years": ["-2010"]}, "years: '-2010'", "'2020-'"),
    ({"years": [2010.5]}, "years[0]: 2010.5", "[2010, "),
    ({"years": [True]}, "years[0]: True", "[2010, "),
    ({"years": [None]}, "years[0]: None", "[2010, "),
    ({"years": 2010}, "years: 2010", "[2010, "),
    ({"years": "2010"}, "years: '2010'", "[2010, "),
    ({"search_terms": "batman"}, "search_terms: 'batman'", '["batman", "star*"]'),
    ({"search_terms": [""]}, "search_terms: ''", "at least two"),
    ({"search_terms": ["a"]}, "search_terms: 'a'", "at least two"),
    ({"search_terms": ["a*"]}, "search_terms: 'a*'", "at least two"),
    ({"search_terms": [7]}, "search_terms[0]: 7", '["batman", "star*"]'),
    ({"imdb_ids": ["foo"]}, "imdb_ids: 'foo'", "tt1375666"),
    ({"imdb_ids": ["nm0000138"]}, "imdb_ids: 'nm0000138'", "tt1375666"),
    ({"imdb_ids": ["tt12345678901"]}, "imdb_ids: 'tt12345678901'", "tt1375666"),
    ({"imdb_ids": [""]}, "imdb_ids: ''", "tt1375666"),
    ({"imdb_ids": "tt1375666"}, "imdb_ids: 'tt1375666'", '["tt1375666", '),
    ({"imdb_ids": [None]}, "imdb_ids[0]: None", '["tt1375666", '),
    ({"titles": "Inception"}, "titles: 'Inception'", '[{"title": "Inception", '),
    ({"titles": ["Inception"]}, "titles[0]: 'Inception'", '[{"title": "Inception", '),
    ({"titles": [{"title": " "}]}, "titles:", "give each item a title"),
    ({"titles": [{"name": "Inception"}]}, "titles[0]: 'title' is a required", '[{"title": '),
    ({"titles": [{"title": "Up", "type": "film"}]}, "titles: 'Up'", "one of movie, series"),
    ({"titles": [{"title": "Up", "year": "x"}]}, "titles[0]['year']: 'x'", '"year": 2010'),
    ({"titles_file": "no-such-file.csv"}, "titles_file: there is no file", "check the path"),
    ({"titles_file": "."}, "titles_file: there is no file", "check the path"),
    ({"titles_file": 5}, "titles_file: 5", "one IMDb id a line"),
    ({"types": ["film"]}, "types[0]: 'film'", "['movie', 'series', 'episode', 'game']"),
    ({"types": "movie"}, "types: 'movie'", "'array'"),
    ({"plot": "long"}, "plot: 'long'", "['short', 'full']"),
    ({"coverage": 1.5}, "coverage: 1.5", "from 0 to 1"),
    ({"coverage": -0.1}, "coverage: -0.1", "from 0 to 1"),
    ({"coverage": "most"}, "coverage: 'most'", "from 0 to 1"),
    ({"max_requests": -1}, "max_requests: -1", "minimum of 0"),
    ({"max_requests": 1.5}, "max_requests: 1.5", "'integer'"),
    ({"daily_requests": -1}, "daily_requests: -1", "minimum of 0"),
    ({"daily_requests": "many"}, "daily_requests: 'many'", "1,000 for a free one"),
    ({"concurrency": 0}, "concurrency: 0", "minimum of 1"),
    ({"concurrency": 1000}, "concurrency: 1000", "maximum of 64"),
    ({"requests_per_second": -1}, "requests_per_second: -1", "minimum of 0"),
    ({"refresh": "never"}, "refresh: 'never'", "After how many days"),
    ({"refresh": {"older": 0}}, "refresh['older']: 0", "minimum of 1"),
    ({"refresh": {"older": "soon"}}, "refresh.older: 'soon'", "or 'never'"),
    ({"refresh": {"older": "0"}}, "refresh.older: '0'", "or 'never'"),
    ({"refresh": {"old": 5}}, "refresh:", "'old' was unexpected"),
    ({"timeout": 0}, "timeout: 0", "minimum of 1"),
    ({"timeout": "soon"}, "timeout: 'soon'", "Seconds"),
    ({"max_retry_time": -1}, "max_retry_time: -1", "minimum of 0"),
    ({"cache_dir": "/dev/null/cache"}, "cache_dir: '/dev/null/cache'", "another folder"),
    ({"cache_dir": 5}, "cache_dir: 5", "Folder"),
    ({"user_agent": 5}, "user_agent: 5", "by default"),
    ({"user_agent": "a\nb"}, "user_agent:", "plain letters"),
    ({"user_agent": "映画"}, "user_agent:", "plain letters"),
    ({"api_url": ""}, "api_url: ''", "https://www.omdbapi.com/"),
    ({"api_url": "www.omdbapi.com"}, "api_url: 'www.omdbapi.com'", "https://www.omdbapi.com/"),
    ({"api_url": "ftp://omdbapi.com/"}, "api_url: 'ftp:", "https://www.omdbapi.com/"),
    ({"api_url": "http://[::1"}, "api_url: 'http://[::1'", "https://www.omdbapi.com/"),
    ({"api_url": "http://localhost:99999/"}, "api_url: 'http:", "https://www.omdbapi.com/"),
    ({"api_url": "https://localhost/?apikey=x"}, "api_url:", "the key belongs into api_key"),
    ({"api_kye": "x"}, "unknown setting 'api_kye'", "did you mean 'api_key'?"),
    ({"year": [2010]}, "unknown setting 'year'", "did you mean 'years'?"),
    ({"quux": 1}, "unknown setting 'quux'", "tap-omdb --about"),
    ({"imdb_ids": []}, "nothing to fetch", "imdb_ids, titles, titles_file"),
    ({"imdb_ids": None}, "nothing to fetch", "imdb_ids, titles, titles_file"),
]

ACCEPTED: list[tuple[dict[str, Any], Any]] = [
    # settings · what they come to, as told by the tap's config
    ({"coverage": "0.5"}, 0.5),
    ({"timeout": "2.5"}, 2.5),
    ({"timeout": "2"}, 2),
    ({"max_retry_time": "0"}, 0),
    ({"concurrency": "4"}, 4),
    ({"requests_per_second": "100"}, 100),
    ({"max_requests": " 7 "}, 7),
    ({"max_requests": None}, None),
    ({"daily_requests": None}, 1000),
    ({"refresh": None}, {"this_year": 7, "recent": 30, "older": 180}),
    ({"types": None}, ["movie"]),
    ({"plot": None}, "short"),
    ({"coverage": None}, 0.9),
]


@pytest.mark.parametrize(
    ("settings", "names", "remedy"), REFUSED, ids=lambda value: repr(value)[:60]
)
def test_a_setting_that_cannot_be_used_is_refused_before_the_first_request(  # noqa: PLR0913, PLR0917
    settings: dict[str, Any],
    names: str,
    remedy: str,
    sync: RunTap,
    config: Config,
    omdb: Emulator,
) -> None:
    run = sync({**config, "imdb_ids": ["tt1375666"], **settings})
    errors = _errors(run)
    assert run.exit_code == 1
    assert names in errors
    assert remedy in errors
    assert "'null'" not in errors
    assert run.messages == []
    assert omdb.stats()["requests"] == 0


@pytest.mark.parametrize(("settings", "value"), ACCEPTED, ids=repr)
def test_null_is_the_default_and_a_number_may_be_text(
    settings: dict[str, Any], value: object, config: Config
) -> None:
    tap = TapOMDb(config={**config, "imdb_ids": ["tt1375666"], **settings})
    assert tap.config.get(*settings) == value


def test_all_that_is_wrong_is_told_at_once(sync: RunTap, config: Config) -> None:
    run = sync({**config, "years": [1800], "imdb_ids": ["foo"], "year": 5})
    assert len(_errors(run).splitlines()) == 3


@pytest.mark.parametrize("key", [None, "", "  "], ids=repr)
def test_a_missing_key_is_told_with_where_to_get_one(
    key: str | None, sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, "imdb_ids": ["tt1375666"], "api_key": key})
    assert run.exit_code == 1
    assert "api_key is missing: get a key at https://www.omdbapi.com/apikey.aspx" in run.log
    assert "TAP_OMDB_API_KEY" in run.log
    assert omdb.stats()["requests"] == 0


@pytest.mark.parametrize(
    "key", [73519824, ["e5d6c7b8"], {"key": "e5d6c7b8"}], ids=lambda key: type(key).__name__
)
def test_a_key_that_is_no_text_is_refused_without_being_told(
    key: object, run_tap: RunTap, config: Config, omdb: Emulator
) -> None:
    run = run_tap({**config, "imdb_ids": ["tt1375666"], "api_key": key})
    assert run.exit_code == 1
    assert "api_key: *** is not of type 'string'; a key is text, so put it in quotes" in run.log
    assert "73519824" not in run.log
    assert "e5d6c7b8" not in run.log
    assert omdb.stats()["requests"] == 0


def test_the_key_may_have_blanks_around_it(sync: RunTap, config: Config) -> None:
    run = sync({**config, "imdb_ids": ["tt1375666"], "api_key": f" {KEY}\n"})
    assert run.ids("movies") == ["tt1375666"]
    assert KEY not in run.log


def test_an_id_is_mended_with_a_note(sync: RunTap, config: Config) -> None:
    run = sync({**config, "imdb_ids": ["1375666", 816692, "tt120737", " tt0435761 "]})
    assert run.ids("movies") == ["tt1375666", "tt0816692", "tt0120737", "tt0435761"]
    assert "imdb_ids: 1375666 is taken for tt1375666" in run.log
    assert "imdb_ids: 816692 is taken for tt0816692" in run.log
    assert "imdb_ids: tt120737 is taken for tt0120737" in run.log


def test_an_id_that_is_listed_twice_is_fetched_once(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, "imdb_ids": ["tt1375666", "1375666", "tt1375666"]})
    assert run.ids("movies") == ["tt1375666"]
    assert omdb.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n# nothing\n", "is empty"),
        (b"\x00\x01\x02", "is not a text file"),
        (b"colour,size\nred,1\n", "has no column that is known"),
        (b"PK\x03\x04rest", "is an archive"),
        (gzip.compress(b"imdb_id\ntt1375666\n" * 99)[:30], "cannot be read"),
    ],
)
def test_a_titles_file_that_names_no_titles_is_refused(  # noqa: PLR0913, PLR0917
    content: bytes,
    says: str,
    sync: RunTap,
    config: Config,
    omdb: Emulator,
    tmp_path: Path,
) -> None:
    path = tmp_path / "titles.csv"
    path.write_bytes(content)
    run = sync({**config, "imdb_ids": ["tt1375666"], "titles_file": str(path)})
    assert run.exit_code == 1
    assert f"titles_file: {path} {says}" in run.log
    assert omdb.stats()["requests"] == 0


def test_the_home_folder_may_be_a_tilde(
    sync: RunTap, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "watchlist.txt").write_text("tt1375666\n")
    run = sync({**config, "titles_file": "~/watchlist.txt", "cache_dir": "~/cache"})
    assert run.ids("movies") == ["tt1375666"]
    assert (tmp_path / "cache" / "replies").is_dir()


@pytest.mark.parametrize("api_url", ["{host}", "{host}/"])
def test_the_url_needs_no_slash_at_its_end(
    api_url: str, sync: RunTap, config: Config, omdb: Emulator
) -> None:
    url = api_url.format(host=omdb.url.rstrip("/"))
    run = sync({**config, "api_url": url, "imdb_ids": ["tt1375666"]})
    assert run.ids("movies") == ["tt1375666"]


def test_plain_http_to_another_machine_is_warned_of(sync: RunTap, config: Config) -> None:
    ids = {"imdb_ids": ["tt1375666"], "max_requests": 0}
    warning = "the API key travels unencrypted"
    assert warning not in sync({**config, **ids}).log
    assert warning in sync({**config, **ids, "api_url": "http://omdb.example/"}).log
    assert warning not in sync({**config, **ids, "api_url": "https://omdb.example/"}).log


def test_refresh_may_name_some_ages_only(sync: RunTap, config: Config) -> None:
    for refresh in ({"older": "never"}, {"this_year": "3"}, {"recent": None}, {}):
        run = sync({**config, "imdb_ids": ["tt1375666"], "refresh": refresh})
        assert run.exit_code == 0


def test_a_config_of_the_environment(command: Command, omdb: Emulator, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("tt1049413\n")
    run = command(
        "--config",
        "ENV",
        TAP_OMDB_API_KEY=KEY,
        TAP_OMDB_API_URL=omdb.url,
        TAP_OMDB_IMDB_IDS='["tt1375666"]',
        TAP_OMDB_TITLES='[{"title": "Interstellar"}]',
        TAP_OMDB_TITLES_FILE=str(tmp_path / "list.txt"),
        TAP_OMDB_YEARS='["2010-2011"]',
        TAP_OMDB_SEARCH_TERMS='["toy story"]',
        TAP_OMDB_TYPES='["movie"]',
        TAP_OMDB_PLOT="full",
        TAP_OMDB_COVERAGE="0.5",
        TAP_OMDB_MAX_REQUESTS="20",
        TAP_OMDB_DAILY_REQUESTS="100",
        TAP_OMDB_CONCURRENCY="2",
        TAP_OMDB_REQUESTS_PER_SECOND="1000.5",
        TAP_OMDB_REFRESH='{"older": "never"}',
        TAP_OMDB_TIMEOUT="9.5",
        TAP_OMDB_MAX_RETRY_TIME="0",
        TAP_OMDB_CACHE_DIR=str(tmp_path / "cache"),
        TAP_OMDB_USER_AGENT="mine/1",
    )
    assert run.exit_code == 0, run.log
    titles = {record["title"] for record in run.records("movies")}
    assert titles == {"Inception", "Interstellar", "Up", "Toy Story 3"}
    plots = [r["query"].get("plot") for r in omdb.requests() if r["kind"] == "details"]
    assert set(plots) == {"full"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CONCURRENCY", "many"), ("MAX_REQUESTS", ""), ("REFRESH", "never"), ("TITLES", "Up")],
)
def test_a_variable_that_cannot_be_read_is_named(
    variable: str, value: str, command: Command
) -> None:
    run = command(
        "--config",
        "ENV",
        TAP_OMDB_API_KEY=KEY,
        TAP_OMDB_API_URL="http://127.0.0.1:1/",
        TAP_OMDB_TITLES_FILE="list.txt",
        **{f"TAP_OMDB_{variable}": value},
    )
    assert run.exit_code == 1
    assert f"TAP_OMDB_{variable}: " in run.log
    assert "Traceback" not in run.log
    assert KEY not in run.log


def _errors(run: Run) -> str:
    return "\n".join(line for line in run.log.splitlines() if "| ERROR " in line)
