"""Builds the records of titles, and counts the values that do not parse."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_omdb.omdb.records import parse_imdb_id, to_record

if TYPE_CHECKING:
    from tap_omdb.client import Response
    from tap_omdb.omdb.records import Record
    from tap_omdb.state.titles import TitleIndex

logger = logging.getLogger(__name__)


class RecordBuilder:
    """Converts the details of titles to records."""

    def __init__(self, titles: TitleIndex) -> None:
        """Create a builder.

        Args:
            titles: The known titles, with the ids that IMDb has merged.
        """
        self._titles = titles
        self.unparsed: Counter[str] = Counter()
        """How many values did not parse, by field."""

    def build(
        self,
        data: dict[str, Any],
        response: Response,
        matched_by: str | None,
        requested: str | None = None,
    ) -> Record:
        """Return the record of a title.

        Args:
            data: OMDb's details of the title.
            response: The response that they are from.
            matched_by: How the title was found.
            requested: The id that was requested, if the title was requested by its id.

        Raises:
            InvalidRecord: The details cannot be converted.
        """
        returned = parse_imdb_id(data.get("imdbID"))
        merged = set(self._titles.merged_ids(returned)) if returned else set()
        if requested and requested != returned:
            merged.add(requested)
        record = to_record(
            data,
            fetched_at=response.raw.fetched_at,
            merged_ids=sorted(merged),
            matched_by=matched_by,
        )
        for field, text in (record.values["unparsed"] or {}).items():
            if not self.unparsed[field]:
                logger.warning(
                    "%s of %s does not parse: %.60r. It is null there, and its text is kept in "
                    "`unparsed`; further ones of this field are only counted",
                    field,
                    returned,
                    text,
                )
            self.unparsed[field] += 1
        return record
