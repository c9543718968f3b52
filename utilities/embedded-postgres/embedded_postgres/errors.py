"""What goes wrong, said to a person."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The server cannot do what was asked."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Say both in one line.

        Args:
            problem: What is wrong, without a full stop.
            remedy: What the reader can do about it, as a sentence that goes on from there.
        """
        super().__init__(problem, remedy)

    def __str__(self) -> str:
        """Problem and remedy in one line."""
        return ": ".join(self.args)
