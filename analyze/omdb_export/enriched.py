"""Writes a list with what the warehouse knows about each of its rows."""

from __future__ import annotations

import os
import re
from collections import Counter
from itertools import accumulate, repeat, zip_longest
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tap_omdb.config.titles_file import InvalidRow, TitlesFileError

from omdb_export import ExportError
from omdb_export.formats import FORMATS, Table
from omdb_export.originals import read_originals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_omdb.config.titles_file import TitleEntry, TitlesFile

    from omdb_export.originals import Originals
    from omdb_export.warehouse import Warehouse

# The columns that are added to a list, and what they are in the report.
ADDED = {
    "imdb_id": "imdb_id",
    "matched_by": "matched_by",
    "outcome": "outcome",
    "reason": "reason",
    "title": "title",
    "year": "year",
    "type": "kind",
    "genres": "genres",
    "directors": "directors",
    "actors": "actors",
    "countries": "countries",
    "runtime_minutes": "runtime_minutes",
    "certificate": "certificate",
    "imdb_rating": "imdb_rating::float8",
    "imdb_votes": "imdb_votes",
    "metascore": "metascore",
    "rotten_tomatoes": "rotten_tomatoes",
    "box_office": "box_office",
    "awards_won": "award_wins",
    "awards_nominated": "award_nominations",
    "poster_url": "poster_url",
}
_READ = ("line", "listed_imdb_id", "listed_title")
_QUERY = f"""
    select format(
        'select {", ".join([*_READ, *ADDED.values()])} from %I.rpt_enriched_lists'
        || ' where list = %L order by position',
        $1::text, $2::text
    ) as query
"""  # noqa: S608  # quoted by Postgres
_OUTCOMES = {
    "found": "found",
    "pending": "pending",
    "not_found": "not found",
    "year_mismatch": "only of another year",
    "left_out": "left out",
    "invalid": "without a title",
}
_CHANGED = "{} is not in the warehouse as it is now: load it first, with `make enrich LIST=...`"
TO_CHECK = "to check"
"""What was found by a title without a year, or with a near one: it may be another title."""


def write_enriched(  # noqa: PLR0913
    warehouse: Warehouse,
    schema: str,
    file: TitlesFile,
    output: Path,
    *,
    file_format: str = "csv",
    keep_formulas: bool = False,
) -> Counter[str]:
    """Write each row of a list as it is, followed by the data of its title.

    The output is replaced when it is complete.

    Args:
        warehouse: Where the list was loaded to.
        schema: The schema of the environment without suffix, for example `demo`.
        file: The list.
        output: The file to write.
        file_format: One of `FORMATS`.
        keep_formulas: Whether texts that a spreadsheet would run stay as they are.

    Returns:
        The number of rows by outcome, and that of `TO_CHECK` ones among those found.

    Raises:
        ExportError: The warehouse does not have the list as it is now, or the format cannot
            hold it.
        OSError: The output cannot be written.
    """
    if file.is_catalogue:
        message = f"{file.path} is IMDb's catalogue, and no list: `make export` has all titles"
        raise ExportError(message)
    query = warehouse.read(_QUERY, [f"{schema}_reports", file.name]).read_all()["query"][0]
    reader = warehouse.read(query.as_py())
    counts: Counter[str] = Counter()
    incomplete = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        originals = read_originals(file)
        table = _table(originals, reader.schema, keep_formulas=keep_formulas)
        with FORMATS[file_format](incomplete, table) as write:
            owns = originals.rows(as_json=file_format == "json")
            for own, entry, known in zip_longest(owns, file.rows(), _rows(reader)):
                if known is None or entry is None or not _is_same(entry, known):
                    raise ExportError(_CHANGED.format(file.path))
                added = known[len(_READ) :]
                write([*own, *added])
                counts.update(_outcomes(dict(zip(ADDED, added, strict=True))))
        incomplete.replace(output)
    except TitlesFileError as error:
        raise ExportError(str(error)) from error
    finally:
        incomplete.unlink(missing_ok=True)
    return counts


def _table(originals: Originals, known: pa.Schema, *, keep_formulas: bool) -> Table:
    taken = {name.strip().casefold() for name in originals.names}
    added = [next(free for free in _alternatives(name) if free not in taken) for name in ADDED]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in originals.names),
            *zip(added, known.types[len(_READ) :], strict=True),
        ]
    )
    # Where a comma is within numbers, Excel expects semicolons.
    delimiter = ";" if originals.file.layout.delimiter == ";" else ","
    return Table([*originals.header, *added], schema, delimiter, keep_formulas)


def _alternatives(name: str) -> Iterator[str]:
    return accumulate(repeat("omdb_"), lambda longer, prefix: prefix + longer, initial=name)


def _rows(reader: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    for batch in reader:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _is_same(entry: TitleEntry | InvalidRow, known: tuple[Any, ...]) -> bool:
    """Return whether a row of the file is the one that was loaded."""
    line, imdb_id, title = known[: len(_READ)]
    if isinstance(entry, InvalidRow):
        return entry.line == line and imdb_id is None and title is None
    # The loader removes what Postgres cannot store.
    return (entry.line, entry.imdb_id, _letters(entry.title)) == (line, imdb_id, _letters(title))


def _letters(title: str | None) -> str:
    return re.sub(r"\W+", "", title or "")


def _outcomes(added: dict[str, Any]) -> Iterator[str]:
    yield added["outcome"]
    if added["matched_by"] == "title":
        yield TO_CHECK


def summary(counts: Counter[str]) -> str:
    """The result of `write_enriched`, in words."""
    always = ("found", "pending", "not_found")
    parts = [
        f"{counts[outcome]:,} {words}"
        for outcome, words in _OUTCOMES.items()
        if counts[outcome] or outcome in always
    ]
    parts[0] += f" ({counts[TO_CHECK]:,} to check)"
    return ", ".join(parts)
