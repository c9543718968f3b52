"""Reads titles from a user's file: lists, exports and data sets.

The layout is detected from the first lines, so an IMDb list, a Letterboxd or Trakt export,
MovieLens' files and IMDb's own `title.basics.tsv.gz` can be used as they are. Rows are streamed:
memory does not grow with the file.
"""

from tap_omdb.config.titles_file.entries import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    TitleEntry,
    TitlesFileError,
)
from tap_omdb.config.titles_file.layout import (
    LIST_OF_IDS,
    LIST_OF_TITLES,
    MOVIELENS,
    SEQUENCE_OF_JSON,
    TABLE_OF_IDS,
    TABLE_OF_TITLES,
    TITLE_BASICS,
    Layout,
    detect_layout,
)
from tap_omdb.config.titles_file.names import imdb_id_in, omdb_type, split_title
from tap_omdb.config.titles_file.reader import TitlesFile, open_titles_files

__all__ = [
    "LIST_OF_IDS",
    "LIST_OF_TITLES",
    "MAX_INVALID_ROW_TEXT",
    "MOVIELENS",
    "SEQUENCE_OF_JSON",
    "TABLE_OF_IDS",
    "TABLE_OF_TITLES",
    "TITLE_BASICS",
    "InvalidRow",
    "Layout",
    "TitleEntry",
    "TitlesFile",
    "TitlesFileError",
    "detect_layout",
    "imdb_id_in",
    "omdb_type",
    "open_titles_files",
    "split_title",
]
