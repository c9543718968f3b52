"""For pytest and other test runners: an emulator in a thread, on a free port."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omdb_emulator.app import Settings, State, change_settings
from omdb_emulator.client import Control
from omdb_emulator.keys import DEFAULT_KEYS, Keys
from omdb_emulator.ports import bind
from omdb_emulator.server import ThreadServer
from omdb_emulator.sources import CATALOGUE, load
from omdb_emulator.titles import KEYS, NOT_AVAILABLE, title_from_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from omdb_emulator.library import Library

_START_SECONDS = 60


def title_line(imdb_id: str, title: str, kind: str = "movie", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make a line of the catalogue's format, "N/A" in every field that is not given.

    Args:
        imdb_id: such as ``tt0000001``.
        title: its title.
        kind: movie, series, episode or game.
        fields: OMDb's fields by their names, such as ``Year="2010"``, and ``PlotFull`` or
            ``Emulator`` as in the catalogue.
    """
    line: dict[str, Any] = dict.fromkeys(KEYS[kind], NOT_AVAILABLE)
    return {**line, "Title": title, "Ratings": [], "imdbID": imdb_id, "Type": kind, **fields}


class Emulator(Control):
    """An emulator for the time of a ``with`` block.

    .. code-block:: python

        with Emulator() as omdb:
            omdb.fault("cloudflare", {"i": "tt1375666"}, status=522, times=2)
            my_client(url=omdb.url, key=omdb.key)
            assert omdb.stats()["by_kind"]["details"] == 3

    It logs requests. Everything of :class:`~omdb_emulator.client.Control` works on it.

    Attributes:
        url: what the client under test has for OMDb's URL.
        key: a key that works.
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
        **settings: float | bool | None,
    ) -> None:
        """Choose what is served; nothing runs yet.

        Args:
            titles: lines in the catalogue's format.
            catalogue: whether the built-in catalogue is served; None: if nothing else is given;
                a path: a file of that format instead.
            recorded: files of recorded replies.
            generated: how many generated titles to serve.
            seed: of the generated titles.
            keys: limit (requests a day, None for none) by key; None for the default keys.
            settings: attributes of :class:`omdb_emulator.app.Settings`.
        """
        super().__init__("")
        self._lines = None if titles is None else list(titles)
        self._recorded = [Path(path) for path in recorded]
        self._generated, self._seed = generated, seed
        if catalogue is None:
            catalogue = self._lines is None and not self._recorded and not generated
        self._catalogue = catalogue
        self._keys = dict(DEFAULT_KEYS if keys is None else keys)
        self._settings = Settings(log=True)
        change_settings(self._settings, settings)
        self._server: ThreadServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def key(self) -> str:
        """A key that works: the first one."""
        return next(iter(self._keys))

    def __enter__(self) -> Self:
        """Start serving on a free port of the loopback interface."""
        library = self._load()
        bound = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        # Listening before the thread runs: a client that is too early waits instead of failing.
        bound.listen(128)
        ready = threading.Event()

        def run() -> None:
            state = State(library, Keys(self._keys), self._settings)
            self._server = ThreadServer(state)
            ready.set()
            self._server.run(sockets=[bound])

        self._thread = threading.Thread(target=run, name="omdb-emulator", daemon=True)
        self._thread.start()
        ready.wait(_START_SECONDS)
        self.health()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving; what still hangs is dropped."""
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()

    def _load(self) -> Library:
        chosen = self._catalogue
        catalogues = [chosen] if isinstance(chosen, Path) else [CATALOGUE] if chosen else []
        library = load(catalogues, self._recorded, self._generated, self._seed)
        for line in self._lines or ():
            library.put(title_from_line(line))
        return library
