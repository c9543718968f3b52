"""The arguments of the ``omdb-emulator`` command."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from omdb_emulator import __version__
from omdb_emulator.app.keys import DEFAULT_KEYS

_DATA_DIR = Path(".emulator")


def parser() -> argparse.ArgumentParser:
    """Return a parser whose result has the name of the command as ``command``."""
    parser = argparse.ArgumentParser(
        prog="omdb-emulator", description="A server that responds as omdbapi.com does."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve in the foreground")
    _add_serve_options(serve)
    serve.add_argument("--data-dir", type=Path, help=argparse.SUPPRESS)

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

    stop = commands.add_parser("stop", help="stop the emulator in the background")
    _add_data_dir(stop)

    status = commands.add_parser("status", help="exit 0 if it runs in the background, else 3")
    _add_data_dir(status)

    imdb_files = commands.add_parser(
        "imdb-files", help="write IMDb's files of titles and ratings for the titles to be served"
    )
    _add_title_options(imdb_files)
    imdb_files.add_argument("--directory", type=Path, required=True, metavar="DIR", help="where to")
    imdb_files.add_argument("--date", type=_date, metavar="DATE", help="default today")

    generate = commands.add_parser(
        "generate", help="write generated titles, one JSON object a line"
    )
    generate.add_argument("--titles", type=int, required=True, metavar="N", help="how many")
    generate.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    generate.add_argument("--output", type=Path, metavar="FILE", help="default standard output")

    check = commands.add_parser("check", help="validate files of titles; exit 1 on errors")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: the built-in")
    return parser


def serve_arguments(options: argparse.Namespace) -> list[str]:
    """Return arguments with which ``serve`` serves the same, without address and data directory."""
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
    _add_title_options(parser)
    add(
        "--ratings-lag-days",
        type=int,
        default=0,
        metavar="N",
        help="ratings in responses lag behind IMDb's files (default 0)",
    )
    add("--latency-ms", type=float, default=0, metavar="MS", help="delay every response")
    add("--cache", action="store_true", help="put Cloudflare's shared cache in front")
    add("--ignore-year", action="store_true", help="y does not filter searches, as OMDb at times")
    add("--log-requests", action="store_true", help="keep each request for the control endpoint")


def _add_title_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--catalogue", action="append", type=Path, metavar="FILE", help="a file of titles")
    add("--recorded", action="append", type=Path, metavar="FILE", help="recorded responses")
    add("--generated", type=int, default=0, metavar="N", help="generate N titles")
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
