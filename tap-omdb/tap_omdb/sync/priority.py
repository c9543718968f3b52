"""Which titles to fetch first, and which not at all, by the votes in IMDb's rating file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_omdb.config.ratings_file import Ratings


class Priority:
    """Ranks titles by their votes. Without a rating file, all titles rank the same."""

    def __init__(
        self, ratings: Ratings | None = None, min_votes: int = 0, always: Collection[str] = ()
    ) -> None:
        """Use a rating file.

        Args:
            ratings: IMDb's ratings; None ranks all titles the same and leaves none out.
            min_votes: Titles with fewer votes are left out.
            always: Ids of titles that are never left out.
        """
        self.ratings = ratings
        """IMDb's ratings, if there is a file."""
        self._min_votes = min_votes if ratings is not None else 0
        self._always = always
        self.left_out = 0
        """How many titles of this run have too few votes; counted where they are left out."""

    def votes(self, imdb_id: str) -> int:
        """Return the votes of a title; 0 if they are not known."""
        return self.ratings.votes(imdb_id) if self.ratings is not None else 0

    def includes(self, imdb_id: str) -> bool:
        """Return whether a title has enough votes to be fetched."""
        return (
            not self._min_votes or self.votes(imdb_id) >= self._min_votes or imdb_id in self._always
        )
