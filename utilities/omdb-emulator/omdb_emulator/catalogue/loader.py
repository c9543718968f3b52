"""Loading titles: the built-in catalogue, files, recorded responses, generated titles."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.recording_files import add_recorded
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import read_titles

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIRECTORY = Path(str(files("omdb_emulator.catalogue")))
#: The file of the built-in catalogue.
CATALOGUE = _DIRECTORY / "titles.jsonl"
#: A file of titles whose texts attack or confuse whatever shows, stores or logs them.
HOSTILE_CATALOGUE = _DIRECTORY / "hostile.jsonl"


def load(
    catalogues: Iterable[Path] = (),
    recorded: Iterable[Path] = (),
    generated: int = 0,
    seed: int = 0,
) -> TitleStore:
    """Load all titles; of several with the same id the last one counts.

    Args:
        catalogues: files in the format of :data:`CATALOGUE`.
        recorded: files of recorded responses.
        generated: how many titles to generate; titles from files take precedence over them.
        seed: the seed of the generated titles.

    Raises:
        TitleError: naming the file and line of an invalid title or response.
        ValueError: if so many titles cannot be generated.
        OSError: if a file cannot be read.
    """
    store = TitleStore(computed=GeneratedTitles(generated, seed) if generated else None)
    for path in catalogues:
        for title in read_titles(path):
            store.put(title)
    for path in recorded:
        add_recorded(store, path)
    return store
