"""What goes wrong, said to a person."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The server cannot do what was asked; the message says why and what to do about it."""
