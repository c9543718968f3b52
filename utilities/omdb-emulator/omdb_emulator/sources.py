"""Where titles come from: the built-in catalogue, files, recorded replies, the generator."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from omdb_emulator.library import Library
from omdb_emulator.titles import read_titles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def load(
    *,
    catalogue: bool = True,
    catalogues: Iterable[Path] = (),
    recorded: Iterable[Path] = (),
    generated: int = 0,
    seed: int = 0,
) -> Library:
    """Read all titles.

    Args:
        catalogue: whether to take the built-in catalogue.
        catalogues: more files of the same format.
        recorded: files of recorded replies.
        generated: how many generated titles to add.
        seed: of the generated titles.

    Raises:
        TitleError: naming file and line of what is not a title or a reply.
        OSError: if a file cannot be read.
    """
    library = Library()
    if catalogue:
        with as_file(files("omdb_emulator") / "catalogue" / "titles.jsonl") as path:
            if path.exists():
                for title in read_titles(path):
                    library.put(title)
    for path in catalogues:
        for title in read_titles(path):
            library.put(title)
    del recorded, generated, seed
    return library
