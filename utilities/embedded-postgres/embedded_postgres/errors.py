"""Errors with a remedy."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """An operation on the server failed."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Combine both into one line.

        Args:
            problem: What failed, without a full stop.
            remedy: What the user can do about it, in lower case, with a full stop.
        """
        super().__init__(problem, remedy)

    def __str__(self) -> str:
        """The problem and the remedy in one line."""
        return ": ".join(self.args)
