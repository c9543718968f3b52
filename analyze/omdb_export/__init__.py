"""Writes the warehouse to files: the marts as Parquet and CSV, and lists with what OMDb knows."""


class ExportError(Exception):
    """Nothing can be written; the message names the cause and the remedy."""
