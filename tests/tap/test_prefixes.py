"""The ranked prefixes, how a prefix is split, and the script that ranks them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_omdb.sync.prefixes import narrower, ranked_prefixes

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tap-omdb" / "scripts" / "rank_prefixes.py"
RANKING = ROOT / "tap-omdb" / "tap_omdb" / "sync" / "prefixes.csv"

# Well-known titles of all decades, most of them newer than those of the ranking.
TITLES = """
Parasite; Get Out; Lady Bird; Moonlight; La La Land; Dunkirk; Arrival; Whiplash; Boyhood;
Interstellar; Gravity; Her; Nomadland; Tenet; Dune; Belfast; CODA; Oppenheimer; Barbie;
Past Lives; Poor Things; American Fiction; Anatomy of a Fall; Spider-Man: No Way Home;
Everything Everywhere All at Once; Mad Max: Fury Road; The Grand Budapest Hotel; Joker;
Drive My Car; Roma; Portrait of a Lady on Fire; Uncut Gems; Knives Out; Little Women;
Marriage Story; Jojo Rabbit; Ford v Ferrari; Black Panther; Green Book; The Favourite;
A Star Is Born; Coco; Logan; Zootopia; Inside Out; Spotlight; Room; The Martian;
Casablanca; Citizen Kane; Vertigo; Psycho; Rear Window; Metropolis; Nosferatu; Sunrise;
The Third Man; Rashomon; Seven Samurai; Tokyo Story; Bicycle Thieves; Breathless; Jaws;
The Godfather; Taxi Driver; Chinatown; Alien; Apocalypse Now; Raging Bull; Blade Runner
"""


def ranking(path: Path) -> list[list[str]]:
    """Return the rows of a ranking: prefix, share and requests."""
    with path.open(newline="", encoding="utf-8") as file:
        return [*csv.reader(file)][1:]


SHARES = [0.0, *(float(row[1]) for row in ranking(RANKING))]
"""The share of a year's titles that so many terms find, according to the ranking."""


def share_found(terms: tuple[str, ...]) -> float:
    words = [re.findall(r"\w+", title.lower()) for title in TITLES.split(";")]
    return sum(any(word[:3] + "*" in terms for word in title) for title in words) / len(words)


def test_terms_are_distinct_prefixes_that_omdb_accepts() -> None:
    terms = ranked_prefixes(1)
    assert len(set(terms)) == len(terms) > 2000
    # OMDb rejects terms of one or two letters, and "the".
    assert all(re.fullmatch(r"[^\W_]{3}\*", term) for term in terms)
    assert "the*" not in terms


def test_coverage_determines_the_number_of_terms() -> None:
    assert ranked_prefixes(0) == ()
    for coverage in (0.1, 0.5, 0.9, 0.95):
        count = len(ranked_prefixes(coverage))
        assert SHARES[count - 1] < coverage <= SHARES[count]


def test_more_terms_find_a_larger_share() -> None:
    assert len(ranked_prefixes(1)) + 1 == len(SHARES)
    assert sorted(SHARES) == SHARES
    assert 0.97 < SHARES[-1] < 1


def test_the_documentation_shows_this_ranking() -> None:
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    curve, _, _ = page.partition("## With 1,000 requests per day")
    rows = re.findall(r"^\| ([\d,]+)(?: \(all\))? \| ([\d.]+)% \|", curve, re.MULTILINE)
    counts = [int(count.replace(",", "")) for count, _ in rows]
    assert counts[-1] == len(ranked_prefixes(1))
    assert [f"{SHARES[count]:.1%}" for count in counts] == [f"{s}%" for _, s in rows]
    examples = re.findall(r"(0\.\d+) needs ([\d,]+\d)", curve)
    assert examples
    for coverage, count in examples:
        assert len(ranked_prefixes(float(coverage))) == int(count.replace(",", ""))


@pytest.mark.parametrize("coverage", [-0.1, 1.1, float("nan"), 95])
def test_coverage_is_a_share(coverage: float) -> None:
    with pytest.raises(ValueError, match="coverage is a share from 0 to 1"):
        ranked_prefixes(coverage)


def test_real_titles_are_found() -> None:
    assert share_found(ranked_prefixes(0.95)) >= 0.9
    assert share_found(ranked_prefixes(1)) == 1


def test_narrower_terms_start_with_the_word_itself_and_the_most_frequent_letters() -> None:
    terms = narrower("man*")
    assert terms[:4] == ("man", "mane*", "mant*", "mana*")
    assert len(set(terms)) == len(terms) == 37
    assert narrower("star war*")[:2] == ("star war", "star ware*")


@pytest.mark.parametrize("term", ["man", "the", "star wars", ""])
def test_whole_words_cannot_be_split(term: str) -> None:
    assert narrower(term) == ()


@given(
    stem=st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=6),
    rest=st.text("abcdefghijklmnopqrstuvwxyz0123456789", max_size=4),
)
def test_narrower_terms_find_each_word_exactly_once(stem: str, rest: str) -> None:
    word = stem + rest
    matching = [
        term
        for term in narrower(stem + "*")
        if (word.startswith(term[:-1]) if term.endswith("*") else word == term)
    ]
    assert len(matching) == 1


def run(*arguments: str | Path) -> str:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_script_ranks_by_new_titles_per_request(tmp_path: Path) -> None:
    titles = ["Love Story", "Love Actually", "Lovers Rock", "Story Time", "The Sting", "Up"]
    source = tmp_path / "titles.csv"
    source.write_text("title,year\n" + "".join(f"{title},1990\n" for title in titles))
    output = tmp_path / "prefixes.csv"
    printed = run("--output", output, "--folds", "2", "--year-size", "6", source)
    assert output.read_text().startswith("prefix,share,requests\n")
    # "lov" finds three, then "sti", "sto" and "tim" one each; "sto" comes before "tim".
    assert [(prefix, requests) for prefix, _, requests in ranking(output)] == [
        ("lov", "1"),
        ("sti", "2"),
        ("sto", "3"),
    ]
    assert printed.startswith("6 titles, 1 without a word that is long enough\n")


def test_script_counts_the_pages_of_each_prefix(tmp_path: Path) -> None:
    # In a large year, "big" alone requires many pages; narrower prefixes find the same titles.
    names = ["Alpha", "Bravo", "Gamma"]
    source = tmp_path / "titles.csv"
    source.write_text("title\n" + "".join(f"Big {n} {i}\n" for n in names for i in range(5)))
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    run("--output", small, "--year-size", "15", source)
    run("--output", large, "--year-size", "1500", source)
    assert [row[0] for row in ranking(small)] == ["big"]
    assert ranking(small)[0][2] == "2"
    assert ranking(large)[0][2] == "150"


def test_script_measures_shares_on_titles_that_were_not_ranked(tmp_path: Path) -> None:
    # No two titles share a word, so prefixes ranked on one half find none of the other.
    letters = "abcdefgh"
    source = tmp_path / "titles.csv"
    source.write_text("title\n" + "".join(f"{letter * 3}\n" for letter in letters))
    output = tmp_path / "prefixes.csv"
    run("--output", output, "--folds", "2", source)
    assert {row[1] for row in ranking(output)} == {"0.00000"}


def test_script_reads_responses_and_is_deterministic(tmp_path: Path) -> None:
    hits = [{"Title": f"Heat {n}", "Year": "1995", "Type": "movie"} for n in range(3)]
    responses = [
        {"Search": hits, "totalResults": "3", "Response": "True"},
        {"Title": "Alien", "Year": "1979", "Type": "movie", "Response": "True"},
        {"Title": "Alien", "Year": "1979", "Type": "movie", "Response": "True"},
        {"Title": "Lost", "Year": "2004\u20132010", "Type": "series", "Response": "True"},
        {"Title": "Pilot", "Year": "2004", "Type": "episode", "Response": "True"},
        {"Response": "False", "Error": "Movie not found!"},
    ]
    source = tmp_path / "responses.jsonl"
    source.write_text("".join(json.dumps(response) + "\n" for response in responses))
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    printed = run("--output", first, source)
    assert printed.startswith("5 titles, ")
    assert run("--output", second, source) == printed
    assert first.read_bytes() == second.read_bytes()
    assert [row[0] for row in ranking(first)] == ["hea", "ali", "los"]


def test_script_rejects_too_few_titles(tmp_path: Path) -> None:
    source = tmp_path / "titles.csv"
    source.write_text("title\nHeat\n")
    with pytest.raises(subprocess.CalledProcessError) as raised:
        run(source)
    assert "1 titles are fewer than the 5 folds" in raised.value.stderr
