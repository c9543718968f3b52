"""Errors with a remedy."""

from __future__ import annotations


class LocalAirflowError(Exception):
    """Airflow cannot be started or stopped; the message is one line with the remedy."""
