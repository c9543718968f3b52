"""A list's own rows and columns, as its file has them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_omdb.config.titles_file.layout import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_omdb.config.titles_file import TitlesFile


@dataclass(frozen=True)
class Originals:
    """The rows and columns of a list.

    Attributes:
        file: The list.
        header: The columns' names as the file spells them; made up where it has none.
        names: The same, without spaces around them, each only once.
    """

    file: TitlesFile
    header: list[str]
    names: list[str]

    def rows(self, *, as_json: bool = False) -> Iterator[list[Any]]:
        """Yield the values of each row, as many as there are columns.

        Args:
            as_json: Whether values of JSON stay what they are, instead of becoming texts.
        """
        for row in read_rows(self.file.path, self.file.layout):
            if row.columns is not None:
                values = map(row.columns.get, self.names)
                yield [*values] if as_json else [*map(_text, values)]
            else:
                yield row.cells + [""] * (len(self.names) - len(row.cells))


def read_originals(file: TitlesFile) -> Originals:
    """Read a list for its columns: any of its rows may have more of them than the first.

    Raises:
        TitlesFileError: The file cannot be read.
    """
    layout = file.layout
    width, keys = len(layout.names), dict[str, None]()
    for row in read_rows(file.path, layout):
        if row.columns is not None:
            keys |= dict.fromkeys(row.columns)
        else:
            width = max(width, len(row.cells))
    if keys:
        return Originals(file, [*keys], [*keys])
    others = [f"column {number}" for number in range(len(layout.names) + 1, width + 1)]
    header = layout.names
    if layout.has_header:
        first = next(read_rows(file.path, replace(layout, has_header=False)))
        header = first.cells
    return Originals(file, header + others, layout.names + others)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
