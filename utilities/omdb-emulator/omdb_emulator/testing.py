"""An emulator in a thread, for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omdb_emulator.catalogue.imdb import ImdbFiles
from omdb_emulator.catalogue.loader import CATALOGUE, HOSTILE_CATALOGUE, load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, NOT_AVAILABLE, title_from_line
from omdb_emulator.client import Control
from omdb_emulator.server import BACKLOG, Server
from omdb_emulator.settings import DEFAULT_KEYS, Settings
from omdb_emulator.state import Keys, State

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["HOSTILE_CATALOGUE", "Emulator", "title_line"]


def title_line(imdb_id: str, title: str, kind: str = "movie", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a line in the format of the catalogue, with "N/A" in every other field.

    Args:
        imdb_id: such as ``tt0000001``.
        title: the title.
        kind: movie, series, episode or game.
        fields: OMDb's fields by name, such as ``Year="2010"``, and ``PlotFull`` or
            ``Emulator`` as in the catalogue.
    """
    line: dict[str, Any] = dict.fromkeys(KEYS[kind], NOT_AVAILABLE)
    return {**line, "Title": title, "Ratings": [], "imdbID": imdb_id, "Type": kind, **fields}


class Emulator(Control):
    """An emulator that runs during a ``with`` block, on a free port.

    .. code-block:: python

        with Emulator() as omdb:
            omdb.fault("cloudflare", {"i": "tt1375666"}, status=522, times=2)
            my_client(url=omdb.url, key=omdb.key)
            assert omdb.stats()["by_kind"]["details"] == 3

    It logs requests, and has all methods of :class:`~omdb_emulator.client.Control`.

    Attributes:
        url: the URL for the client under test.
        key: a valid key.
    """

    def __init__(  # noqa: PLR0913
        self,
        titles: Iterable[Mapping[str, Any]] | None = None,
        *,
        catalogue: bool | Path | None = None,
        recorded: Iterable[Path | str] = (),
        generated: int = 0,
        seed: int = 0,
        keys: Mapping[str, int | None] | None = None,
        **settings: float | bool | str | None,
    ) -> None:
        """Choose what to serve; nothing runs yet.

        Args:
            titles: lines in the format of the catalogue.
            catalogue: whether to serve the built-in catalogue; None: if nothing else is given;
                a path: serve this file instead.
            recorded: files of recorded responses.
            generated: how many titles to generate.
            seed: the seed of the generated titles.
            keys: limit by key (requests a day; None: no limit); None: the default keys.
            settings: attributes of :class:`omdb_emulator.settings.Settings`.
        """
        super().__init__("")
        self._lines = None if titles is None else list(titles)
        self._recorded = [Path(path) for path in recorded]
        self._generated, self._seed = generated, seed
        if catalogue is None:
            catalogue = self._lines is None and not self._recorded and not generated
        self._catalogue = catalogue
        self._keys = dict(DEFAULT_KEYS if keys is None else keys)
        self._settings = Settings(log=True).changed(settings)
        self._state: State
        self._imdb_files: tuple[int, ImdbFiles] | None = None
        self._server: Server
        self._thread: threading.Thread

    @property
    def key(self) -> str:
        """A valid key: the first one."""
        return next(iter(self._keys))

    def __enter__(self) -> Self:
        """Start serving on a free port of the loopback interface."""
        self._state = State(self._load(), Keys(self._keys), self._settings)
        listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        self._server = Server(self._state, listening)
        self._thread = threading.Thread(target=self._server.run, name="omdb-emulator", daemon=True)
        self._thread.start()
        self.health()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; requests in progress are dropped."""
        self._server.stop()
        self._thread.join()

    def write_imdb_files(self, directory: Path) -> None:
        """Write IMDb's files of titles and ratings for the titles and the date of this emulator.

        They are ``title.basics.tsv.gz`` and ``title.ratings.tsv.gz``. With the setting
        ``ratings_change_from``, ratings and votes are those of the emulator's date, which the
        responses reach ``ratings_lag_days`` later.

        Args:
            directory: where to write; created if it is missing.

        Raises:
            OSError: if a file cannot be written.
        """
        revision = self._state.store.revision
        if self._imdb_files is None or self._imdb_files[0] != revision:
            self._imdb_files = (revision, ImdbFiles(self._state.store.titles()))
        ratings = self._state.settings.ratings_on(self._state.clock.day())
        self._imdb_files[1].write(directory, ratings)

    def _load(self) -> TitleStore:
        chosen = self._catalogue
        catalogues = [chosen] if isinstance(chosen, Path) else [CATALOGUE] if chosen else []
        store = load(catalogues, self._recorded, self._generated, self._seed)
        for line in self._lines or ():
            store.put(title_from_line(line))
        return store
