"""The streams: their names, keys and schemas."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

from tap_omdb.client import OMDbStream
from tap_omdb.records import FIELDS_OF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk import metrics
    from singer_sdk.helpers.types import Context, Record

    from tap_omdb.tap import TapOMDb


class EngineStream(OMDbStream):
    """A stream fed by the one engine that feeds them all.

    What a title is shows only when its details have come, and a search finds movies, series and
    games alike. So the first selected stream to be synced runs the engine, and hands the others
    their rows at once; when their turn comes, there is nothing left to do.
    """

    is_sorted = True
    check_sorted = False
    # The rows are typed by records.py and rows.py already.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # One line a request would be a thousand a day; the counter tells as much.
    _LOG_REQUEST_METRICS = False
    _tap: TapOMDb

    def __init__(self, tap: TapOMDb) -> None:
        """Make the stream; the connection is opened at the first request."""
        super().__init__(tap)
        self._handed_over = 0

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Run the engine, unless another stream has; yield this stream's rows."""
        sync = self._tap.sync
        if sync.has_begun:
            return
        others = {
            stream.name: stream
            for stream in self._tap.streams.values()
            if isinstance(stream, EngineStream) and stream.selected and stream is not self
        }
        for stream in others.values():
            stream.begin()
        self.connection = sync.connection
        limit = self.ABORT_AT_RECORD_COUNT
        rows = sync.run(self.fetch, is_test=limit == 1)
        with self.get_http_request_counter() as requests, closing(rows):
            spent = 0
            for row in rows:
                if row.stream == self.name:
                    yield row.values
                else:
                    others[row.stream].hand_over(row.values)
                requests.increment(sync.budget.used - spent)
                spent = sync.budget.used
                if sync.is_state_due():
                    self._write_state_message()
                if limit is not None and sync.rows.total() >= limit:
                    break
            requests.increment(sync.budget.used - spent)
        if sync.exit_code:
            self._write_state_message()
            sys.exit(sync.exit_code)

    def begin(self) -> None:
        """Emit the schema, ahead of rows that are handed over, and enter the stream in the state.

        Entered as late as its turn, each stream would end with a state unlike the one before, and
        so with one more message of megabytes.
        """
        self._write_schema_message()
        _ = self.stream_state

    def hand_over(self, record: Record) -> None:
        """Emit a row that the engine found while another stream ran it."""
        self._handed_over += 1
        self._write_record_message(record)
        self._increment_stream_state(record)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Be quiet about a turn in which there is nothing left to do."""
        if level == logging.INFO and self._tap.sync.has_begun:
            level = logging.DEBUG
        super().log(message, *args, level=level, **kwargs)

    @override
    def get_record_counter(self, **kwargs: Any) -> metrics.Counter:
        """Count the rows that were handed over too."""
        counter = super().get_record_counter(**kwargs)
        counter.value = self._handed_over
        return counter

    @override
    def _write_state_message(self) -> None:
        """Put the ledger into the state first: it changes with more than records."""
        self._tap.sync.save()
        self.state_manager.is_flushed = False
        super()._write_state_message()


def _details_schema(stream: str) -> dict[str, Any]:
    """Return the schema of a details stream; records.py says what each field is."""
    return th.PropertiesList(
        *(
            th.Property(
                field.name,
                th.CustomType(field.kind.json_schema),
                description=field.description,
                required=field.name == "imdb_id",
            )
            for field in FIELDS_OF[stream]
        )
    ).to_dict()


class DetailsStream(EngineStream):
    """Details of the titles of one type."""

    primary_keys = ("imdb_id",)
    replication_key = "fetched_at"


class MoviesStream(DetailsStream):
    """Movies, TV movies and shorts among them."""

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


class SearchesStream(EngineStream):
    """What each search was good for: the record of how much of a year is covered."""

    name = "searches"
    primary_keys = ("search_id",)
    replication_key = "searched_at"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("search_id", th.StringType, required=True, description="term|year|type"),
        th.Property("search_term", th.StringType, description="What was searched for."),
        th.Property("year", th.IntegerType, description="The year searched; null: any."),
        th.Property("type", th.StringType, description="The type searched; null: all."),
        th.Property("total_results", th.IntegerType, description="Rows that OMDb says it has."),
        th.Property("pages_read", th.IntegerType, description="Pages of ten rows read."),
        th.Property("hits", th.IntegerType, description="Distinct titles seen."),
        th.Property(
            "new_titles", th.IntegerType, description="Titles that were found by nothing before."
        ),
        th.Property(
            "missed",
            th.IntegerType,
            description="Rows that OMDb has and did not give; null if it did not say how many.",
        ),
        th.Property("is_complete", th.BooleanType, description="Whether all pages were read."),
        th.Property("error", th.StringType, description="OMDb's words, if it refused."),
        th.Property("searched_at", th.DateTimeType, description="When (UTC)."),
    ).to_dict()


class RejectsStream(EngineStream):
    """What could not be had, and why."""

    name = "rejects"
    primary_keys = ("reject_id",)
    replication_key = "rejected_at"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "reject_id",
            th.StringType,
            required=True,
            description="The request without what does not tell titles apart, or file:line.",
        ),
        th.Property("imdb_id", th.StringType, description="The id asked for, if there was one."),
        th.Property(
            "source",
            th.StringType,
            description="imdb_ids, titles, titles_file, search, season or refresh.",
        ),
        th.Property("request", th.StringType, description="The query string, without the key."),
        th.Property(
            "reason",
            th.StringType,
            description="not_found, incorrect_id, no_data, broken_reply, invalid_record, "
            "unusable_row or http_error.",
        ),
        th.Property("message", th.StringType, description="The reason in words."),
        th.Property("http_status", th.IntegerType, description="Null if there was no reply."),
        th.Property("payload", th.StringType, description="The reply, or the row, as it is."),
        th.Property("line_number", th.IntegerType, description="The line of a titles file."),
        th.Property("rejected_at", th.DateTimeType, description="When (UTC)."),
    ).to_dict()


STREAMS: tuple[type[EngineStream], ...] = (
    MoviesStream,
    SeriesStream,
    EpisodesStream,
    GamesStream,
    SearchesStream,
    RejectsStream,
)
