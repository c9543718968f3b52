"""The ranked prefixes, how a prefix is split, and the script that ranks them."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.sync.prefixes import narrower_searches, ranked_prefixes

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


def test_real_titles_are_found() -> None:
    assert share_found(ranked_prefixes(0.95)) >= 0.9
    assert share_found(ranked_prefixes(1)) == 1


def narrower(term: str) -> list[str]:
    return [key.term for key in narrower_searches(SearchKey(term, 2010, "movie"))]


def test_narrower_terms_start_with_the_word_itself_and_the_most_frequent_letters() -> None:
    terms = narrower("man*")
    assert terms[:4] == ["man", "mane*", "mant*", "mana*"]
    assert len(set(terms)) == len(terms) == 37
    assert narrower("star war*")[:2] == ["star war", "star ware*"]


@pytest.mark.parametrize("term", ["man", "the", "star wars", ""])
def test_whole_words_cannot_be_split(term: str) -> None:
    assert narrower(term) == []


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


def rank(directory: Path, lines: list[str], *options: str) -> tuple[list[list[str]], str]:
    """Run the script on a file, and return the ranking and what it prints."""
    source, output = directory / "titles.csv", directory / "prefixes.csv"
    source.write_text("".join(f"{line}\n" for line in lines))
    command = [sys.executable, str(SCRIPT), "--output", str(output), *options, str(source)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.read_text().startswith("prefix,share,requests\n")
    return ranking(output), printed


def test_script_ranks_by_new_titles_per_request(tmp_path: Path) -> None:
    titles = ["Love Story", "Love Actually", "Lovers Rock", "Story Time", "The Sting", "Up"]
    lines = ["title,year", *(f"{title},1990" for title in titles)]
    rows, printed = rank(tmp_path, lines, "--folds", "2", "--year-size", "6")
    # "lov" finds three, then "sti", "sto" and "tim" one each; "sto" comes before "tim".
    expected = [("lov", "1"), ("sti", "2"), ("sto", "3")]
    assert [(prefix, requests) for prefix, _, requests in rows] == expected
    assert printed.startswith("6 titles, 1 without a word that is long enough\n")


def test_script_counts_the_pages_of_each_prefix(tmp_path: Path) -> None:
    # In a large year, "big" alone requires many pages; narrower prefixes find the same titles.
    lines = [f"Big {name} {n}" for name in ("Alpha", "Bravo", "Gamma") for n in range(5)]
    small, _ = rank(tmp_path, ["title", *lines], "--year-size", "15")
    large, _ = rank(tmp_path, ["title", *lines], "--year-size", "1500")
    assert [row[0] for row in small] == ["big"]
    assert (small[0][2], large[0][2]) == ("2", "150")


def test_script_measures_shares_on_titles_that_were_not_ranked(tmp_path: Path) -> None:
    # No two titles share a word, so prefixes ranked on one half find none of the other.
    rows, _ = rank(tmp_path, ["title", *(letter * 3 for letter in "abcdefgh")], "--folds", "2")
    assert {row[1] for row in rows} == {"0.00000"}


def test_script_is_deterministic_and_leaves_out_episodes_and_duplicates(tmp_path: Path) -> None:
    titles = ["Heat 1", "Heat 2", "Heat 3", "Alien", "Alien", "Lost"]
    rows = ["title,year,type", *(f"{title},1995,movie" for title in titles), "Pilot,1995,episode"]
    first, second = (rank(tmp_path, rows) for _ in range(2))
    assert first == second
    assert first[1].startswith("5 titles, ")
    assert [row[0] for row in first[0]] == ["hea", "ali", "los"]
