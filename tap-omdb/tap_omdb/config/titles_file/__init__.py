"""Reads titles from a user's files: lists, exports and data sets.

The layout is detected from the first lines, so an IMDb list, a Letterboxd or Trakt export,
MovieLens' files and IMDb's own `title.basics.tsv.gz` can be used as they are. Rows are streamed:
memory does not grow with the file.
"""

from tap_omdb.config.titles_file.entries import InvalidRow, TitleEntry, TitlesFileError, imdb_id_in
from tap_omdb.config.titles_file.reader import TitlesFile, open_titles_files

__all__ = [
    "InvalidRow",
    "TitleEntry",
    "TitlesFile",
    "TitlesFileError",
    "imdb_id_in",
    "open_titles_files",
]
