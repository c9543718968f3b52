"""The streams: their names, keys and schemas."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

from tap_omdb.client import OMDbStream
from tap_omdb.omdb.records import FIELDS_OF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk import metrics
    from singer_sdk.helpers.types import Context, Record

    from tap_omdb.tap import TapOMDb


class SharedRunStream(OMDbStream):
    """A stream that shares a single run with all others.

    The type of a title is only known once its details have come, and a search finds movies, series
    and games alike. So the first selected stream that the SDK syncs executes the run and emits the
    rows of all streams; when the turn of the others comes, there is nothing left to do.
    """

    is_sorted = True
    check_sorted = False
    # records.py and rows.py have typed the rows already.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # A line for each request would be a thousand a day; the counter has the number.
    _LOG_REQUEST_METRICS = False
    _tap: TapOMDb

    def __init__(self, tap: TapOMDb) -> None:
        """Make the stream; the connection is opened at the first request."""
        super().__init__(tap)
        self._emitted = 0

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Execute the run, unless another stream has; yield this stream's rows."""
        run = self._tap.sync_run
        if run.has_begun:
            return
        others = {
            stream.name: stream
            for stream in self._tap.streams.values()
            if isinstance(stream, SharedRunStream) and stream.selected and stream is not self
        }
        for stream in others.values():
            stream.announce()
        self.connection = run.connection
        limit = self.ABORT_AT_RECORD_COUNT
        rows = run.run(self.fetch, is_test=limit == 1)
        with (
            closing(self._tap.message_writer),
            self.get_http_request_counter() as requests,
            closing(rows),
        ):
            spent = 0
            for row in rows:
                if row.stream == self.name:
                    yield row.values
                else:
                    others[row.stream].emit(row.values)
                requests.increment(run.budget.used - spent)
                spent = run.budget.used
                if run.is_state_due():
                    self._write_state_message()
                if limit is not None and run.rows.total() >= limit:
                    break
            requests.increment(run.budget.used - spent)
        run.has_ended = True
        if run.exit_code:
            self._write_state_message()
            sys.exit(run.exit_code)

    def announce(self) -> None:
        """Emit the schema before another stream emits rows, and add the stream to the state.

        If it were added only when its turn comes, each stream would end with a different state,
        and so with one more message of several megabytes.
        """
        self._write_schema_message()
        _ = self.stream_state

    def emit(self, record: Record) -> None:
        """Emit a row while another stream executes the run."""
        self._emitted += 1
        self._write_record_message(record)
        self._increment_stream_state(record)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log at DEBUG once there is nothing left to do."""
        if level == logging.INFO and self._tap.sync_run.has_begun:
            level = logging.DEBUG
        super().log(message, *args, level=level, **kwargs)

    @override
    def get_record_counter(self, **kwargs: Any) -> metrics.Counter:
        """Also count the rows that were emitted while another stream executed the run."""
        counter = super().get_record_counter(**kwargs)
        counter.value = self._emitted
        return counter

    @override
    def _write_state_message(self) -> None:
        """Update the sync state first: it changes with more than records."""
        self._tap.sync_run.save()
        self.state_manager.is_flushed = False
        super()._write_state_message()
        if self._tap.sync_run.has_ended:
            self._tap.message_writer.close()


def _details_schema(stream: str) -> dict[str, Any]:
    """Return the schema of a details stream; records.py defines the fields."""
    return th.PropertiesList(
        *(
            th.Property(
                field.name,
                th.CustomType(deepcopy(field.type.json_schema)),
                description=field.description,
                required=field.name == "imdb_id",
            )
            for field in FIELDS_OF[stream]
        )
    ).to_dict()


class DetailsStream(SharedRunStream):
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


class SearchesStream(SharedRunStream):
    """What each search returned, and so how much of a year is covered."""

    name = "searches"
    primary_keys = ("search_id",)
    replication_key = "searched_at"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("search_id", th.StringType, required=True, description="term|year|type"),
        th.Property("search_term", th.StringType, description="What was searched for."),
        th.Property("year", th.IntegerType, description="The year searched; null: any."),
        th.Property("type", th.StringType, description="The type searched; null: all."),
        th.Property("total_results", th.IntegerType, description="Rows that OMDb reports."),
        th.Property("pages_read", th.IntegerType, description="Pages of ten rows read."),
        th.Property("hits", th.IntegerType, description="Distinct titles seen."),
        th.Property("new_titles", th.IntegerType, description="Titles that were not known before."),
        th.Property(
            "missed",
            th.IntegerType,
            description="Rows that OMDb reports and did not return; null if it reports none.",
        ),
        th.Property("is_complete", th.BooleanType, description="Whether all pages were read."),
        th.Property(
            "error", th.StringType, description="OMDb's error text, if there was an error."
        ),
        th.Property(
            "searched_at", th.DateTimeType, description="When the search was last read (UTC)."
        ),
    ).to_dict()


class RejectsStream(SharedRunStream):
    """What could not be fetched, and why."""

    name = "rejects"
    primary_keys = ("reject_id",)
    replication_key = "rejected_at"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "reject_id",
            th.StringType,
            required=True,
            description="The request without its `plot` and `detail` parameters, or file:line.",
        ),
        th.Property("imdb_id", th.StringType, description="The id requested, if there was one."),
        th.Property(
            "source",
            th.StringType,
            description="imdb_ids, titles, titles_file, search, season or refresh.",
        ),
        th.Property("request", th.StringType, description="The query string without the key."),
        th.Property(
            "reason",
            th.StringType,
            description="not_found, incorrect_id, no_data, broken_response, invalid_record, "
            "invalid_row or http_error.",
        ),
        th.Property("message", th.StringType, description="The reason in words."),
        th.Property(
            "http_status",
            th.IntegerType,
            description="The HTTP status; null if there was no response.",
        ),
        th.Property("payload", th.StringType, description="The response, or the row, as text."),
        th.Property("line_number", th.IntegerType, description="The line in the titles file."),
        th.Property("rejected_at", th.DateTimeType, description="When it was rejected (UTC)."),
    ).to_dict()


class SyncsStream(SharedRunStream):
    """One row for each run: how it ended, its requests and its records."""

    name = "syncs"
    primary_keys = ("sync_id",)
    replication_key = "ended_at"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("sync_id", th.StringType, required=True, description="Identifies the run."),
        th.Property("started_at", th.DateTimeType, description="When the run started (UTC)."),
        th.Property("ended_at", th.DateTimeType, description="When the run ended (UTC)."),
        th.Property(
            "outcome",
            th.StringType,
            description="complete, budget_exhausted, quota_reached, stopped or failed.",
        ),
        th.Property("message", th.StringType, description="Why it ended early; null if complete."),
        th.Property("requests", th.IntegerType, description="Requests sent, including retries."),
        th.Property("retries", th.IntegerType, description="Requests that repeated a failed one."),
        th.Property(
            "responses_reused", th.IntegerType, description="Cached responses of earlier runs used."
        ),
        th.Property(
            "requests_left_today", th.IntegerType, description="Requests left of the day's budget."
        ),
        th.Property(
            "records",
            th.CustomType({"type": "object", "additionalProperties": {"type": "integer"}}),
            description="Records emitted, by stream.",
        ),
        th.Property("rejects", th.IntegerType, description="Records emitted to `rejects`."),
        th.Property("unparsed_values", th.IntegerType, description="Values that did not parse."),
        th.Property(
            "pending_titles", th.IntegerType, description="Titles and seasons left to fetch."
        ),
        th.Property(
            "pending_searches", th.IntegerType, description="Searches with pages left to read."
        ),
        th.Property("known_titles", th.IntegerType, description="Titles in the state."),
        th.Property("tap_version", th.StringType, description="The tap's version."),
    ).to_dict()


STREAMS: tuple[type[SharedRunStream], ...] = (
    MoviesStream,
    SeriesStream,
    EpisodesStream,
    GamesStream,
    SearchesStream,
    RejectsStream,
    SyncsStream,
)
