"""Writes the warehouse to files: the marts as Parquet and CSV, and lists with what OMDb knows."""
