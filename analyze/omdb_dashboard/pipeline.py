"""What the page says about the pipeline in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omdb_dashboard.warehouse import Reports, Row


class Notice(NamedTuple):
    """Something to act on.

    Attributes:
        level: "act" if the pipeline does not work, "check" if data is missing or doubtful, "wait"
            if the next syncs take care of it.
        text: What it is, and where to look.
    """

    level: Literal["act", "check", "wait"]
    text: str


def notices(reports: Reports) -> list[Notice]:
    """What needs action, the most urgent first."""
    health = reports["pipeline_health"][0]
    return [
        *(Notice("act", problem) for problem in health["problems"]),
        *(Notice("check", text) for text in _to_check(health, reports["coverage_summary"])),
        *(Notice("wait", text) for text in _pending(health)),
    ]


def coverage(rows: list[Row]) -> str:
    """What the numbers of the searches mean."""
    reported, read = _sum(rows, "total_results"), _sum(rows, "hits")
    percent = f" ({100 * read / reported:.0f}%)" if reported else ""
    return (
        f"To {_sum(rows, 'searches'):,} searches, OMDb reported {reported:,} results, and {read:,} "
        f"of them{percent} were read. A title counts in each search that finds it, so a year has "
        "more results than titles. Titles loaded are those of the year and type, however they were "
        "found."
    )


def _to_check(health: Row, searched: list[Row]) -> Iterator[str]:
    rejects: dict[str, int] = health["rejects_last_7_days"]
    if rejects:
        reasons = ", ".join(f"{number:,} {_words(reason)}" for reason, number in rejects.items())
        yield f"Rejected in the last 7 days: {reasons}. See Rejects below."
    if failed := _sum(searched, "failed_searches"):
        yield f"Searches that failed: {failed:,}. See Search coverage below."
    if health["unparsed_values"]:
        number = health["unparsed_values"]
        yield f"Values that could not be parsed: {number:,}. See Data issues below."
    if health["last_tests_warned"]:
        yield f"Tests with a warning in the last run: {health['last_tests_warned']:,}."
    if health["last_test_run_at"] is None:
        yield "The data has not been tested: meltano invoke dbt:test"


def _pending(health: Row) -> Iterator[str]:
    if health["pending_titles"]:
        days = health["days_to_fetch_pending"]
        quota = "" if days is None else f", which takes {days:,} days at this quota"
        yield f"Titles and seasons still to be fetched: {health['pending_titles']:,}{quota}."
    if health["pending_searches"]:
        yield f"Searches with pages still to be read: {health['pending_searches']:,}."


def _sum(rows: list[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _words(name: str) -> str:
    return name.replace("_", " ")
