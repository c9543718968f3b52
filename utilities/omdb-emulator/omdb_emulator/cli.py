"""The ``omdb-emulator`` command."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from omdb_emulator import __version__
from omdb_emulator.generator import MOST_TITLES, Generated
from omdb_emulator.keys import DEFAULT_KEYS, parse_key
from omdb_emulator.ports import PREFERRED_PORT, PortError, bind, is_free, port_of_environment
from omdb_emulator.sources import CATALOGUE, load
from omdb_emulator.titles import TitleError, json_lines, problems, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED = 1
_NOT_RUNNING = 3
_HOME = Path(".emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for an error, 3 for "not running"."""
    # Imported here: it needs POSIX, which the rest of the package does not.
    from omdb_emulator.background import BackgroundError  # noqa: PLC0415

    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        # Whoever read the output had enough; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BackgroundError, PortError, TitleError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        return _fail(f"{about}{error.strerror or error}")


def _fail(message: str) -> int:
    print(f"omdb-emulator: {message}", file=sys.stderr)  # noqa: T201
    return _FAILED


def _say(text: str) -> None:
    print(text)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omdb-emulator", description="A server that answers as omdbapi.com does."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve in the foreground")
    _add_serving_options(serve)
    serve.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)

    start = commands.add_parser("start", help="start in the background, unless it runs")
    _add_serving_options(start)
    _add_home(start)
    start.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="write OMDB_EMULATOR_PORT to this file when another port had to be chosen",
    )
    start.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="default 60")
    start.set_defaults(run=_start)

    stop = commands.add_parser("stop", help="stop the one in the background")
    _add_home(stop)
    stop.set_defaults(run=_stop)

    status = commands.add_parser("status", help="exit 0 if one runs in the background, else 3")
    _add_home(status)
    status.set_defaults(run=_status)

    generate = commands.add_parser("generate", help="write made-up titles, one JSON object a line")
    generate.add_argument("--titles", type=int, required=True, metavar="N", help="how many")
    generate.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    generate.add_argument("--output", type=Path, metavar="FILE", help="default standard output")
    generate.set_defaults(run=_generate)

    check = commands.add_parser("check", help="check files of titles; exit 1 if any is wrong")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: the built-in")
    check.set_defaults(run=_check)
    return parser


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        type=Path,
        default=_HOME,
        metavar="DIR",
        help="where lock, port and log are kept (default .emulator)",
    )


def _add_serving_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="default 127.0.0.1: this machine only")
    add("--port", type=_port, help="default: OMDB_EMULATOR_PORT, else 15500; 0: any free one")
    add(
        "--key",
        action="append",
        dest="keys",
        metavar="KEY[:LIMIT]",
        help="a key that works, and its daily limit (repeatable; default: "
        + ", ".join(
            key if limit is None else f"{key}:{limit}" for key, limit in DEFAULT_KEYS.items()
        )
        + ")",
    )
    add("--catalogue", action="append", type=Path, metavar="FILE", help="a file of titles")
    add("--recorded", action="append", type=Path, metavar="FILE", help="a file of recorded replies")
    add("--generated", type=int, default=0, metavar="N", help="serve N generated titles")
    add("--seed", type=int, default=0, metavar="S", help="of the generated titles (default 0)")
    add("--latency-ms", type=float, default=0, metavar="MS", help="make each reply take longer")
    add("--cache", action="store_true", help="put Cloudflare's shared cache in front")
    add("--ignore-year", action="store_true", help="let y not filter searches, as OMDb at times")
    add("--log-requests", action="store_true", help="keep each request for the control endpoint")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004
        msg = f"{text!r} is not a port number"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from omdb_emulator.app import Settings, State  # noqa: PLC0415
    from omdb_emulator.background import Home  # noqa: PLC0415
    from omdb_emulator.keys import Keys  # noqa: PLC0415
    from omdb_emulator.server import Server  # noqa: PLC0415

    given = options.recorded or options.generated
    catalogues = options.catalogue or ([] if given else [CATALOGUE])
    keys = dict(map(parse_key, options.keys)) if options.keys else dict(DEFAULT_KEYS)
    settings = Settings(
        latency_ms=options.latency_ms,
        cache=options.cache,
        year_filter=not options.ignore_year,
        log=options.log_requests,
    )
    port = options.port
    if port is None:
        port = port_of_environment() or PREFERRED_PORT
    if port and not is_free(options.host, port):
        msg = f"port {port} is taken by another program; choose another with --port"
        raise PortError(msg)
    bound = bind(options.host, port)
    with bound:
        library = load(catalogues, options.recorded or [], options.generated, options.seed)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{bound.getsockname()[1]}/"
        logging.basicConfig(level=logging.WARNING)
        # Before it is said where: whoever reads that may ask at once.
        bound.listen()
        _say(f"{len(library)} titles at {url} with the keys {', '.join(keys)}")
        sys.stdout.flush()
        server = Server(State(library, Keys(keys), settings))
        if options.home is None:
            server.run(sockets=[bound])
        else:
            with Home(options.home).serving(url, _serving_arguments(options)):
                server.run(sockets=[bound])
    return 0


def _serving_arguments(options: argparse.Namespace) -> list[str]:
    """Return the arguments of ``serve`` that make it serve the same, but for address and home."""
    arguments: list[str] = []
    for key in options.keys or ():
        arguments += ["--key", key]
    for name in ("catalogue", "recorded"):
        for path in getattr(options, name) or ():
            arguments += [f"--{name}", str(path.resolve())]
    if options.generated:
        arguments += ["--generated", str(options.generated), "--seed", str(options.seed)]
    if options.latency_ms:
        arguments += ["--latency-ms", str(options.latency_ms)]
    for name in ("cache", "ignore_year", "log_requests"):
        if getattr(options, name):
            arguments.append(f"--{name.replace('_', '-')}")
    return arguments


def _start(options: argparse.Namespace) -> int:
    from omdb_emulator.background import Home  # noqa: PLC0415

    arguments = _serving_arguments(options)
    running, is_new = Home(options.home).start(
        arguments,
        host=options.host,
        port=options.port,
        env_file=options.env_file,
        wait_seconds=options.wait,
    )
    _say(f"the emulator {'runs' if is_new else 'already runs'} at {running.url}")
    if running.arguments != arguments:
        print("omdb-emulator: it runs with other options; stop it first to change them",  # noqa: T201
              file=sys.stderr)  # fmt: skip
    return 0


def _stop(options: argparse.Namespace) -> int:
    from omdb_emulator.background import Home  # noqa: PLC0415

    _say("the emulator has stopped" if Home(options.home).stop() else "no emulator runs")
    return 0


def _status(options: argparse.Namespace) -> int:
    from omdb_emulator.background import Home, describe  # noqa: PLC0415

    running = Home(options.home).running()
    if running is None:
        _say("no emulator runs")
        return _NOT_RUNNING
    health = describe(running)
    _say(f"the emulator runs at {running.url} (process {running.pid}, {health['titles']} titles)")
    return 0


def _generate(options: argparse.Namespace) -> int:
    if options.titles < 0 or options.titles > MOST_TITLES:
        msg = f"--titles must be between 0 and {MOST_TITLES}"
        raise ValueError(msg)
    titles = Generated(options.titles, options.seed)
    if options.output is None:
        _write(titles, sys.stdout)
    else:
        with options.output.open("w", encoding="utf-8") as file:
            _write(titles, file)
    return 0


def _write(titles: Generated, file: TextIO) -> None:
    file.writelines(to_json(line).decode() + "\n" for line in titles.lines())


def _check(options: argparse.Namespace) -> int:
    wrong = 0
    for path in options.files or [CATALOGUE]:
        lines = [line for _, line in json_lines(path)]
        for problem in problems(lines):
            wrong += 1
            _say(f"{path}: {problem}")
        _say(f"{path}: {len(lines)} titles")
    return _FAILED if wrong else 0
