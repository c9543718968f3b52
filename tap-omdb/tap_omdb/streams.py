"""The streams: their names, keys and schemas, and the messages of their rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream, metrics
from singer_sdk import typing as th
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_omdb.omdb.records import FIELDS_OF

if TYPE_CHECKING:
    from tap_omdb.tap import TapOMDb


class OMDbStream(Stream):
    """A stream that shares a single run with all others.

    The type of a title is only known once its details have come, and a search finds movies, series
    and games alike. So the first selected stream that the SDK syncs lets the tap execute the run,
    which emits the rows of all; when the turn of the others comes, there is nothing left to do.
    """

    is_sorted = True
    check_sorted = False
    # records.py and rows.py have typed the rows already.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    _tap: TapOMDb

    def __init__(self, tap: TapOMDb) -> None:
        """Make the stream; nothing is requested yet."""
        super().__init__(tap)
        self._counter = super().get_record_counter()
        self.logger.addFilter(_is_true)

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Let the tap execute the run, unless another stream has; nothing is left to yield."""
        self._tap.execute_run(self)
        return ()

    def begin(self) -> None:
        """Emit the schema, and add the stream to the state.

        If it were added only when its turn comes, each stream would end with a different state,
        and so with one more message of several megabytes.
        """
        self._write_schema_message()
        _ = self.stream_state

    def emit(self, record: Record) -> None:
        """Emit a row."""
        self._write_record_message(record)
        self._increment_stream_state(record)
        self._counter.increment()

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log at DEBUG once there is nothing left to do."""
        if level == logging.INFO and self._tap.has_run:
            level = logging.DEBUG
        super().log(message, *args, level=level, **kwargs)

    @override
    def _write_state_message(self) -> None:
        """Write the state of the run, to its end: the SDK only calls this after the run."""
        self._tap.write_state()
        self._tap.message_writer.close()

    @override
    def get_record_counter(self, **kwargs: Any) -> metrics.Counter:
        """Return the counter of all rows, whichever stream's turn it was."""
        return self._counter


def _is_true(record: logging.LogRecord) -> bool:
    """Return whether to log: streams have no bookmarks, and after the first, nothing starts."""
    return not record.getMessage().startswith("Starting incremental sync")


def _schema(
    *columns: tuple[str, th.JSONTypeHelper[Any] | type[th.JSONTypeHelper[Any]], str], keys: int = 1
) -> dict[str, Any]:
    """Return the schema of columns with names, types and descriptions; the first are the key."""
    return th.PropertiesList(
        *(
            th.Property(name, type_, required=number < keys, description=description)
            for number, (name, type_, description) in enumerate(columns)
        )
    ).to_dict()


def _details_schema(stream: str) -> dict[str, Any]:
    """Return the schema of a details stream; records.py defines the fields."""
    return _schema(
        *(
            (field.name, th.CustomType(deepcopy(field.type.json_schema)), field.description)
            for field in FIELDS_OF[stream]
        )
    )


class DetailsStream(OMDbStream):
    """Details of the titles of one type."""

    primary_keys = ("imdb_id",)
    replication_key = "fetched_at"


class MoviesStream(DetailsStream):
    """Movies, including TV movies and shorts."""

    name = "movies"
    schema: ClassVar[dict[str, Any]] = _details_schema("movies")


class SeriesStream(DetailsStream):
    """Series."""

    name = "series"
    schema: ClassVar[dict[str, Any]] = _details_schema("series")


class EpisodesStream(DetailsStream):
    """Episodes of series."""

    name = "episodes"
    schema: ClassVar[dict[str, Any]] = _details_schema("episodes")


class GamesStream(DetailsStream):
    """Games."""

    name = "games"
    schema: ClassVar[dict[str, Any]] = _details_schema("games")


class SearchesStream(OMDbStream):
    """What each search returned, and so how much of a year is covered."""

    name = "searches"
    primary_keys = ("search_id",)
    replication_key = "searched_at"
    schema: ClassVar[dict[str, Any]] = _schema(
        ("search_id", th.StringType, "term|year|type"),
        ("search_term", th.StringType, "What was searched for."),
        ("year", th.IntegerType, "The year searched; null: any."),
        ("type", th.StringType, "The type searched; null: all."),
        ("total_results", th.IntegerType, "Rows that OMDb reports."),
        ("pages_read", th.IntegerType, "Pages of ten rows read."),
        ("hits", th.IntegerType, "Distinct titles seen."),
        ("new_titles", th.IntegerType, "Titles that were not known before."),
        (
            "missed",
            th.IntegerType,
            "Rows that OMDb reports and did not return; null if it reports none.",
        ),
        ("is_complete", th.BooleanType, "Whether all pages were read."),
        ("error", th.StringType, "OMDb's error text, if there was an error."),
        ("searched_at", th.DateTimeType, "When the search was last read (UTC)."),
    )


class ListEntriesStream(OMDbStream):
    """The rows of the lists in `titles_file`; a list that has changed is emitted as a whole."""

    name = "list_entries"
    primary_keys = ("list", "position")
    replication_key = "read_at"
    schema: ClassVar[dict[str, Any]] = _schema(
        ("list", th.StringType, "The name of the list's file."),
        ("position", th.IntegerType, "The row's place in it, from 1; 0 if it has no rows."),
        ("line", th.IntegerType, "The line on which the row starts, from 1."),
        ("title", th.StringType, "The title, as it is looked up."),
        ("year", th.IntegerType, "The year of the list."),
        ("type", th.StringType, "OMDb's type, if the list has it."),
        ("imdb_id", th.StringType, "The IMDb id of the list."),
        ("lookup_id", th.StringType, "The key in `lookups` of what the row is looked up as."),
        ("reason", th.StringType, "Why the row is invalid; null if it is valid."),
        ("columns", th.ObjectType(additional_properties=True), "Everything else of the row."),
        ("read_at", th.DateTimeType, "When this version of the list was read (UTC)."),
        keys=2,
    )


class LookupsStream(OMDbStream):
    """What each lookup by name found, and which listed ids are left out."""

    name = "lookups"
    primary_keys = ("lookup_id",)
    replication_key = "looked_up_at"
    schema: ClassVar[dict[str, Any]] = _schema(
        ("lookup_id", th.StringType, "title|year|type, in lower case; an id that is left out."),
        ("title", th.StringType, "The title looked up."),
        ("year", th.IntegerType, "Its year; null: any."),
        ("type", th.StringType, "Its type; null: any."),
        ("outcome", th.StringType, "found, not_found, year_mismatch or left_out."),
        ("imdb_id", th.StringType, "The title found."),
        ("matched_by", th.StringType, "How it was found: title_and_year or title."),
        ("message", th.StringType, "Why it was not found, or is left out."),
        ("looked_up_at", th.DateTimeType, "When it was looked up (UTC)."),
    )


class RejectsStream(OMDbStream):
    """What could not be fetched, and why."""

    name = "rejects"
    primary_keys = ("reject_id",)
    replication_key = "rejected_at"
    schema: ClassVar[dict[str, Any]] = _schema(
        (
            "reject_id",
            th.StringType,
            "The request without its `plot` and `detail` parameters, or file:line.",
        ),
        ("imdb_id", th.StringType, "The id requested, if there was one."),
        ("source", th.StringType, "imdb_ids, titles, titles_file, search, season or refresh."),
        ("request", th.StringType, "The query string without the key."),
        (
            "reason",
            th.StringType,
            (
                "not_found, incorrect_id, no_data, broken_response, response_too_large, "
                "http_error, invalid_record, year_mismatch or invalid_row."
            ),
        ),
        ("message", th.StringType, "The reason in words."),
        ("http_status", th.IntegerType, "The HTTP status; null if there was no response."),
        ("payload", th.StringType, "The response, or the row, as text."),
        ("line_number", th.IntegerType, "The line in the titles file."),
        ("rejected_at", th.DateTimeType, "When it was rejected (UTC)."),
    )


class SyncsStream(OMDbStream):
    """One row for each run: how it ended, its requests and its records."""

    name = "syncs"
    primary_keys = ("sync_id",)
    replication_key = "ended_at"
    schema: ClassVar[dict[str, Any]] = _schema(
        ("sync_id", th.StringType, "Identifies the run."),
        ("started_at", th.DateTimeType, "When the run started (UTC)."),
        ("ended_at", th.DateTimeType, "When the run ended (UTC)."),
        (
            "outcome",
            th.StringType,
            "complete, budget_exhausted, quota_reached, stopped or failed.",
        ),
        ("message", th.StringType, "Why it ended early; null if complete."),
        ("requests", th.IntegerType, "Requests sent, including retries."),
        ("retries", th.IntegerType, "Requests that repeated a failed one."),
        ("responses_reused", th.IntegerType, "Cached responses of earlier runs used."),
        ("requests_left_today", th.IntegerType, "Requests left of the day's budget."),
        ("daily_requests", th.IntegerType, "The day's budget: the setting `daily_requests`."),
        (
            "records",
            th.CustomType({"type": "object", "additionalProperties": {"type": "integer"}}),
            "Records emitted, by stream.",
        ),
        ("rejects", th.IntegerType, "Records emitted to `rejects`."),
        ("unparsed_values", th.IntegerType, "Values that did not parse."),
        ("pending_titles", th.IntegerType, "Titles and seasons left to fetch."),
        ("pending_searches", th.IntegerType, "Searches with pages left to read."),
        ("known_titles", th.IntegerType, "Titles in the state."),
        ("tap_version", th.StringType, "The tap's version."),
    )


STREAMS: tuple[type[OMDbStream], ...] = (
    MoviesStream,
    SeriesStream,
    EpisodesStream,
    GamesStream,
    ListEntriesStream,
    LookupsStream,
    SearchesStream,
    RejectsStream,
    SyncsStream,
)
