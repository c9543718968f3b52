"""Titles whose texts attack or confuse whatever shows, stores or logs them."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.catalogue.tidy import tidy
from omdb_emulator.catalogue.titles import json_lines
from omdb_emulator.catalogue.validation import validation_errors
from omdb_emulator.testing import HOSTILE_CATALOGUE, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.conftest import Fetch

LINES: list[dict[str, Any]] = [line for _, line in json_lines(HOSTILE_CATALOGUE)]
NAMES = ("Title", "Director", "Actors", "Writer", "Plot", "PlotFull")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(catalogue=HOSTILE_CATALOGUE) as emulator:
        yield emulator


def test_the_file_is_valid_and_tidy() -> None:
    assert list(validation_errors(LINES)) == []
    tidied = [json.loads(line) for line in tidy(LINES).split("\n") if line]
    assert [list(line.items()) for line in LINES] == [list(line.items()) for line in tidied]


def test_the_file_is_harmless_itself() -> None:
    text = HOSTILE_CATALOGUE.read_text(encoding="utf-8")
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_no_title_is_in_the_built_in_catalogue() -> None:
    built_in = {line["imdbID"] for _, line in json_lines(CATALOGUE)}
    assert built_in.isdisjoint(line["imdbID"] for line in LINES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "</script>",
        "onerror=",
        "&lt;b&gt;",
        '"Double"',
        "'Single'",
        "\\",
        "DROP TABLE",
        "=HYPERLINK(",
        "{{",
        "${HOME}",
        "\x1b[31m",
        "\x00",
        "\x07",
        "\x7f",
        "\x9b31m",
        "\x85",
        "\n",
        "\t",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u200b",
        "\ufeff",
        "e\u0301",
        "\u05dc",
        "\u0645",
        "\U0001f469\u200d",
        "\U0001d509",
    ],
)
def test_text_occurs(name: str, text: str) -> None:
    assert any(text in line[name] for line in LINES)


def test_titles_have_all_classes_of_characters() -> None:
    characters = set("".join(line["Title"] for line in LINES))
    assert {unicodedata.category(one) for one in characters} >= {"Cc", "Cf", "Mn", "Lo", "So"}
    assert {unicodedata.bidirectional(one) for one in characters} >= {"R", "AL", "RLO", "LRI"}
    assert max(len(line["Title"]) for line in LINES) > 2000


def test_responses_are_valid_json_with_the_same_texts(emulator: Emulator, fetch: Fetch) -> None:
    for line in LINES:
        details = json.loads(fetch(emulator, i=line["imdbID"], plot="full").body)
        assert details.pop("Response") == "True"
        assert details == {
            key: line["PlotFull"] if key == "Plot" else value
            for key, value in line.items()
            if key != "PlotFull"
        }


def test_searches_and_seasons_list_them(emulator: Emulator, fetch: Fetch) -> None:
    found = fetch(emulator, s="script").json["Search"]
    assert "<script>alert(1)</script>" in {hit["Title"] for hit in found}
    series = next(line for line in LINES if line["Type"] == "series")
    season = fetch(emulator, i=series["imdbID"], Season="1").json
    assert [episode["Episode"] for episode in season["Episodes"]] == ["1", "2"]
    assert "\x1b[31m" in season["Episodes"][1]["Title"]
    assert season["Title"] == series["Title"]
