"""The parts of OMDb's behaviour that are known to change over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omdb_emulator.catalogue.ratings import RatingsOnDay
    from omdb_emulator.catalogue.titles import Title


@dataclass(slots=True)
class Behaviour:
    """How OMDb behaves now.

    Attributes:
        year_filter: whether ``y`` filters searches; users report both.
        season_details: whether ``detail=full`` is supported.
        max_results: the most results a search may have; above it the response is
            "Too many results."; None for no limit.
        ratings: the ratings and votes to serve; None for those of the catalogue.
    """

    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None
    ratings: RatingsOnDay | None = None

    def current(self, title: Title) -> Title:
        """Return a title with the ratings and votes to serve."""
        return title if self.ratings is None else self.ratings.apply(title)
