"""Where titles come from: the built-in catalogue, files, recorded replies, the generator."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from omdb_emulator.generator import Generated
from omdb_emulator.library import Library
from omdb_emulator.recorded import add_recorded
from omdb_emulator.titles import read_titles

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The built-in catalogue.
CATALOGUE = Path(str(files("omdb_emulator") / "catalogue" / "titles.jsonl"))


def load(
    catalogues: Iterable[Path] = (),
    recorded: Iterable[Path] = (),
    generated: int = 0,
    seed: int = 0,
) -> Library:
    """Read all titles; of the same id the last one counts.

    Args:
        catalogues: files of the catalogue's format, such as :data:`CATALOGUE`.
        recorded: files of recorded replies.
        generated: how many generated titles to add; titles of files come before them.
        seed: of the generated titles.

    Raises:
        TitleError: naming file and line of what is not a title or a reply.
        ValueError: if so many titles cannot be generated.
        OSError: if a file cannot be read.
    """
    library = Library(computed=Generated(generated, seed) if generated else None)
    for path in catalogues:
        for title in read_titles(path):
            library.put(title)
    for path in recorded:
        add_recorded(library, path)
    return library
