"""The ``omdb-emulator`` command."""

from __future__ import annotations

import logging
import os
import sys
from datetime import date
from typing import TYPE_CHECKING, TextIO

from omdb_emulator import arguments
from omdb_emulator.app.clock import Clock
from omdb_emulator.app.keys import DEFAULT_KEYS, Keys, parse_key
from omdb_emulator.app.state import Settings, State
from omdb_emulator.catalogue.generator import MAX_TITLES, GeneratedTitles
from omdb_emulator.catalogue.imdb_files import ImdbFiles
from omdb_emulator.catalogue.loader import CATALOGUE, load
from omdb_emulator.catalogue.ratings import days_since_1970
from omdb_emulator.catalogue.titles import TitleError, json_lines, to_json
from omdb_emulator.catalogue.validation import validation_errors
from omdb_emulator.server import background
from omdb_emulator.server.data_directory import BackgroundError, DataDirectory
from omdb_emulator.server.ports import (
    PREFERRED_PORT,
    PortError,
    bind,
    is_free,
    port_of_environment,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from omdb_emulator.catalogue.store import TitleStore

_FAILED = 1
_NOT_RUNNING = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for an error, 3 for "not running"."""
    options = arguments.parser().parse_args(argv)
    try:
        return _COMMANDS[options.command](options)
    except BrokenPipeError:
        # The reader of the output has closed it; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BackgroundError, PortError, TitleError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        return _fail(f"{file}{error.strerror or error}")


def _fail(message: str) -> int:
    print(f"omdb-emulator: {message}", file=sys.stderr)  # noqa: T201
    return _FAILED


def _print(text: str) -> None:
    print(text)  # noqa: T201


def _load(options: Namespace) -> TitleStore:
    is_given = options.recorded or options.generated
    catalogues = options.catalogue or ([] if is_given else [CATALOGUE])
    return load(catalogues, options.recorded or [], options.generated, options.seed)


def _serve(options: Namespace) -> int:
    # Importing uvicorn takes longer than the other commands run.
    from omdb_emulator.server.http_server import Server  # noqa: PLC0415

    keys = dict(map(parse_key, options.keys)) if options.keys else dict(DEFAULT_KEYS)
    settings = Settings()
    settings.change(
        {
            "latency_ms": options.latency_ms,
            "cache": options.cache,
            "year_filter": not options.ignore_year,
            "log": options.log_requests,
            "ratings_change_from": options.ratings_change_from,
            "ratings_lag_days": options.ratings_lag_days,
        }
    )
    port = options.port
    if port is None:
        port = port_of_environment() or PREFERRED_PORT
    if port and not is_free(options.host, port):
        msg = f"port {port} is in use by another program; choose another with --port"
        raise PortError(msg)
    bound = bind(options.host, port)
    with bound:
        store = _load(options)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{bound.getsockname()[1]}/"
        logging.basicConfig(level=logging.WARNING)
        # Before the URL is printed: its reader may send a request at once.
        bound.listen()
        _print(f"{len(store)} titles at {url} with the keys {', '.join(keys)}")
        sys.stdout.flush()
        server = Server(State(store, Keys(keys), settings), options.host)
        if options.data_dir is None:
            server.run(sockets=[bound])
        else:
            with DataDirectory(options.data_dir).serving(url, arguments.serve_arguments(options)):
                server.run(sockets=[bound])
    return 0


def _start(options: Namespace) -> int:
    serve_arguments = arguments.serve_arguments(options)
    running, is_new = background.start(
        DataDirectory(options.data_dir),
        serve_arguments,
        host=options.host,
        port=options.port,
        env_file=options.env_file,
        wait_seconds=options.wait,
    )
    _print(f"The emulator {'is' if is_new else 'is already'} running at {running.url}")
    if running.arguments != serve_arguments:
        print("omdb-emulator: it runs with other options; stop it first to change them",  # noqa: T201
              file=sys.stderr)  # fmt: skip
    return 0


def _stop(options: Namespace) -> int:
    stopped = background.stop(DataDirectory(options.data_dir))
    _print("The emulator has stopped." if stopped else "The emulator is not running.")
    return 0


def _status(options: Namespace) -> int:
    running = DataDirectory(options.data_dir).running()
    if running is None:
        _print("The emulator is not running.")
        return _NOT_RUNNING
    titles = background.health(running)["titles"]
    _print(f"The emulator is running at {running.url} (pid {running.pid}, {titles} titles).")
    return 0


def _write_imdb_files(options: Namespace) -> int:
    day = date.fromisoformat(options.date) if options.date else Clock().today()
    ratings = Settings(ratings_change_from=options.ratings_change_from).ratings_on(
        days_since_1970(day)
    )
    ImdbFiles(_load(options).titles()).write(options.directory, ratings)
    return 0


def _generate(options: Namespace) -> int:
    if options.titles < 0 or options.titles > MAX_TITLES:
        msg = f"--titles must be between 0 and {MAX_TITLES}"
        raise ValueError(msg)
    titles = GeneratedTitles(options.titles, options.seed)
    if options.output is None:
        _write(titles, sys.stdout)
    else:
        with options.output.open("w", encoding="utf-8") as file:
            _write(titles, file)
    return 0


def _write(titles: GeneratedTitles, file: TextIO) -> None:
    file.writelines(to_json(line).decode() + "\n" for line in titles.lines())


def _check(options: Namespace) -> int:
    is_valid = True
    for path in options.files or [CATALOGUE]:
        lines = [line for _, line in json_lines(path)]
        for error in validation_errors(lines):
            is_valid = False
            _print(f"{path}: {error}")
        _print(f"{path}: {len(lines)} titles")
    return 0 if is_valid else _FAILED


_COMMANDS = {
    "serve": _serve,
    "start": _start,
    "stop": _stop,
    "status": _status,
    "imdb-files": _write_imdb_files,
    "generate": _generate,
    "check": _check,
}
