"""The ``omdb-emulator`` command."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from omdb_emulator import __version__
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
    from collections.abc import Sequence

    from omdb_emulator.catalogue.store import TitleStore

_FAILED = 1
_NOT_RUNNING = 3
_DATA_DIR = Path(".emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for an error, 3 for "not running"."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omdb-emulator", description="A server that responds as omdbapi.com does."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve in the foreground")
    _add_serve_options(serve)
    serve.add_argument("--data-dir", type=Path, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)

    start = commands.add_parser("start", help="start in the background, unless it is running")
    _add_serve_options(start)
    _add_data_dir(start)
    start.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="write OMDB_EMULATOR_PORT to this file if the port is not the preferred one",
    )
    start.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="default 60")
    start.set_defaults(run=_start)

    stop = commands.add_parser("stop", help="stop the emulator in the background")
    _add_data_dir(stop)
    stop.set_defaults(run=_stop)

    status = commands.add_parser("status", help="exit 0 if it runs in the background, else 3")
    _add_data_dir(status)
    status.set_defaults(run=_status)

    imdb_files = commands.add_parser(
        "imdb-files", help="write IMDb's files of titles and ratings, with the titles to be served"
    )
    _add_title_options(imdb_files)
    imdb_files.add_argument("--directory", type=Path, required=True, metavar="DIR", help="where to")
    imdb_files.add_argument("--date", type=_date, metavar="DATE", help="of the ratings: today")
    imdb_files.set_defaults(run=_write_imdb_files)

    generate = commands.add_parser(
        "generate", help="write generated titles, one JSON object a line"
    )
    generate.add_argument("--titles", type=int, required=True, metavar="N", help="how many")
    generate.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    generate.add_argument("--output", type=Path, metavar="FILE", help="default standard output")
    generate.set_defaults(run=_generate)

    check = commands.add_parser("check", help="validate files of titles; exit 1 on errors")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: the built-in")
    check.set_defaults(run=_check)
    return parser


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=_DATA_DIR,
        metavar="DIR",
        help="directory of lock, port and log (default .emulator)",
    )


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    default_keys = (f"{key}:{limit}" if limit else key for key, limit in DEFAULT_KEYS.items())
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="default 127.0.0.1: this machine only")
    add("--port", type=_port, help="default: OMDB_EMULATOR_PORT, else 15500; 0: any free one")
    add(
        "--key",
        action="append",
        dest="keys",
        metavar="KEY[:LIMIT]",
        help=f"a valid key and its daily limit (repeatable; default: {', '.join(default_keys)})",
    )
    add("--latency-ms", type=float, default=0, metavar="MS", help="delay every response")
    add("--cache", action="store_true", help="put Cloudflare's shared cache in front")
    add("--ignore-year", action="store_true", help="y does not filter searches, as OMDb at times")
    add("--log-requests", action="store_true", help="keep each request for the control endpoint")
    _add_title_options(parser)
    add(
        "--ratings-lag-days",
        type=int,
        default=0,
        metavar="N",
        help="ratings in responses lag behind IMDb's files (default 0)",
    )


def _add_title_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--catalogue", action="append", type=Path, metavar="FILE", help="a file of titles")
    add("--recorded", action="append", type=Path, metavar="FILE", help="recorded responses")
    add("--generated", type=int, default=0, metavar="N", help="serve N generated titles")
    add("--seed", type=int, default=0, metavar="S", help="of the generated titles (default 0)")
    add(
        "--ratings-change-from",
        type=_date,
        metavar="DATE",
        help="from this date on, ratings and votes change from day to day (default: never)",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004
        msg = f"{text!r} is not a port number"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        msg = f"{text!r} is not a date such as 2026-01-31"
        raise argparse.ArgumentTypeError(msg) from None


def _load(options: argparse.Namespace) -> TitleStore:
    is_given = options.recorded or options.generated
    catalogues = options.catalogue or ([] if is_given else [CATALOGUE])
    return load(catalogues, options.recorded or [], options.generated, options.seed)


def _serve(options: argparse.Namespace) -> int:
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
            with DataDirectory(options.data_dir).serving(url, _serve_arguments(options)):
                server.run(sockets=[bound])
    return 0


def _serve_arguments(options: argparse.Namespace) -> list[str]:
    """Return the arguments with which ``serve`` serves the same, without address and directory."""
    arguments: list[str] = []
    for key in options.keys or ():
        arguments += ["--key", key]
    for name in ("catalogue", "recorded"):
        for path in getattr(options, name) or ():
            arguments += [f"--{name}", str(path.resolve())]
    if options.generated:
        arguments += ["--generated", str(options.generated), "--seed", str(options.seed)]
    for name in ("latency_ms", "ratings_change_from", "ratings_lag_days"):
        if getattr(options, name):
            arguments += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    for name in ("cache", "ignore_year", "log_requests"):
        if getattr(options, name):
            arguments.append(f"--{name.replace('_', '-')}")
    return arguments


def _start(options: argparse.Namespace) -> int:
    arguments = _serve_arguments(options)
    running, is_new = background.start(
        DataDirectory(options.data_dir),
        arguments,
        host=options.host,
        port=options.port,
        env_file=options.env_file,
        wait_seconds=options.wait,
    )
    _print(f"The emulator {'is' if is_new else 'is already'} running at {running.url}")
    if running.arguments != arguments:
        print("omdb-emulator: it runs with other options; stop it first to change them",  # noqa: T201
              file=sys.stderr)  # fmt: skip
    return 0


def _stop(options: argparse.Namespace) -> int:
    stopped = background.stop(DataDirectory(options.data_dir))
    _print("The emulator has stopped." if stopped else "The emulator is not running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    running = DataDirectory(options.data_dir).running()
    if running is None:
        _print("The emulator is not running.")
        return _NOT_RUNNING
    titles = background.health(running)["titles"]
    _print(f"The emulator is running at {running.url} (pid {running.pid}, {titles} titles).")
    return 0


def _write_imdb_files(options: argparse.Namespace) -> int:
    day = date.fromisoformat(options.date) if options.date else Clock().today()
    ratings = Settings(ratings_change_from=options.ratings_change_from).ratings_on(
        days_since_1970(day)
    )
    ImdbFiles(_load(options).titles()).write(options.directory, ratings)
    return 0


def _generate(options: argparse.Namespace) -> int:
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


def _check(options: argparse.Namespace) -> int:
    is_valid = True
    for path in options.files or [CATALOGUE]:
        lines = [line for _, line in json_lines(path)]
        for error in validation_errors(lines):
            is_valid = False
            _print(f"{path}: {error}")
        _print(f"{path}: {len(lines)} titles")
    return 0 if is_valid else _FAILED
