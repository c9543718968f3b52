"""The ``omdb-emulator`` command, which ``python -m omdb_emulator`` is as well."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from omdb_emulator import background
from omdb_emulator.background import PORT_VARIABLE, PREFERRED_PORT, BackgroundError, DataDirectory
from omdb_emulator.catalogue.imdb import ImdbFiles, days_since_1970
from omdb_emulator.catalogue.loader import CATALOGUE, load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.settings import DEFAULT_KEYS, Settings

_NOT_RUNNING = 3
_PATH = click.Path(path_type=Path)
_KEYS = ", ".join(f"{key}:{limit}" if limit else key for key, limit in DEFAULT_KEYS.items())
_KEY_HELP = f"A key and its requests a day (repeatable) [default: {_KEYS}]"
_PORT_HELP = f"0: any free one [default: {PORT_VARIABLE}, else {PREFERRED_PORT}]"
_FILE = click.Path(path_type=Path, resolve_path=True)


class _Group(click.Group):
    """Reports errors in one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BackgroundError, msgspec.ValidationError, ValueError) as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            file = f"{error.filename}: " if error.filename else ""
            msg = f"{file}{error.strerror or error}"
            raise click.ClickException(msg) from None


_TITLE_OPTIONS: list[click.Parameter] = [
    click.Option(["--catalogue"], multiple=True, type=_FILE, help="A file of titles."),
    click.Option(["--recorded"], multiple=True, type=_FILE, help="A file of OMDb's responses."),
    click.Option(["--generated"], type=int, default=0, metavar="N", help="Generate N titles."),
    click.Option(["--seed"], type=int, default=0, help="Of the generated titles."),
    click.Option(["--ratings-change-from"], metavar="DATE", help="The day that changes start on."),
]
# Named as the settings are, where they are settings. Click changes a list that it is given.
_SERVE_OPTIONS: list[click.Parameter] = [
    click.Option(["--host"], default="127.0.0.1", help="This machine only by default."),
    click.Option(["--port"], type=click.IntRange(0, 65535), help=_PORT_HELP),
    click.Option(["--key", "keys"], multiple=True, metavar="KEY[:LIMIT]", help=_KEY_HELP),
    *_TITLE_OPTIONS,
    click.Option(["--ratings-lag-days"], type=int, default=0, help="Ratings lag behind IMDb's."),
    click.Option(["--latency-ms"], type=float, default=0, help="Delay every response."),
    click.Option(["--ignore-year"], is_flag=True, help="y does not filter searches, as at times."),
    click.Option(
        ["--log-requests", "log"], is_flag=True, help="Keep each for the control endpoint."
    ),
]
_data_dir = click.option(
    "--data-dir", type=_PATH, default=".emulator", help="Directory of lock and log."
)


@click.group(cls=_Group, context_settings={"show_default": True})
@click.version_option(package_name="omdb-emulator")
def main() -> None:
    """Run a server that responds as omdbapi.com does."""


@main.command(params=[*_SERVE_OPTIONS])
@click.option("--data-dir", type=_PATH, hidden=True)
def serve(port: int | None, data_dir: Path | None, **options: Any) -> None:  # noqa: ANN401
    """Serve in the foreground."""
    # Importing the server takes longer than the other commands run.
    from omdb_emulator.server import Server  # noqa: PLC0415
    from omdb_emulator.state import Keys, State  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING)
    keys = dict(map(_parse_key, options["keys"])) or dict(DEFAULT_KEYS)
    options["year_filter"] = not options["ignore_year"]
    settings = Settings().changed(
        {name: options[name] for name in Settings.__struct_fields__ if name in options}
    )
    host = options["host"]
    if port is None:
        port = background.chosen_port() or PREFERRED_PORT
    with background.listen(host, port) as listening:
        store = _load(options)
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listening.getsockname()[1]}/"
        server = Server(State(store, Keys(keys), settings), listening, host)
        click.echo(f"{len(store)} titles at {url} with the keys {', '.join(keys)}")
        if data_dir is None:
            server.run(until_signal=True)
        else:
            with DataDirectory(data_dir).serving(url, _arguments()):
                server.run(until_signal=True)


@main.command(params=[*_SERVE_OPTIONS])
@_data_dir
@click.option(
    "--env-file",
    type=_PATH,
    metavar="FILE",
    help=f"Take {PORT_VARIABLE} from this file, and write it there if another port is used.",
)
def start(
    *, data_dir: Path, host: str, port: int | None, env_file: Path | None, **_options: object
) -> None:
    """Start in the background, unless it is running."""
    arguments, directory = _arguments(), DataDirectory(data_dir)
    running, is_new = background.start(directory, arguments, host, port, env_file)
    click.echo(f"The emulator {'is' if is_new else 'is already'} running at {running.url}")
    if running.arguments != arguments:
        click.echo("It runs with other options; stop it first to change them.", err=True)


@main.command()
@_data_dir
def stop(data_dir: Path) -> None:
    """Stop the emulator in the background."""
    stopped = background.stop(DataDirectory(data_dir))
    click.echo("The emulator has stopped." if stopped else "The emulator is not running.")


@main.command()
@_data_dir
@click.pass_context
def status(context: click.Context, data_dir: Path) -> None:
    """Exit 0 if it runs in the background, else 3."""
    running = DataDirectory(data_dir).running()
    if running is None:
        click.echo("The emulator is not running.")
        context.exit(_NOT_RUNNING)
    titles = running.health()["titles"]
    click.echo(f"The emulator is running at {running.url} (pid {running.pid}, {titles} titles).")


@main.command(params=[*_TITLE_OPTIONS])
@click.option("--directory", type=_PATH, required=True, help="Where to.")
@click.option("--date", "at", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Today's.")
def imdb_files(directory: Path, at: datetime | None, **options: Any) -> None:  # noqa: ANN401
    """Write IMDb's files of titles and ratings for the titles to be served."""
    settings = Settings().changed({"ratings_change_from": options["ratings_change_from"]})
    day = (at or datetime.now(timezone.utc)).date()
    ratings = settings.ratings_on(days_since_1970(day))
    ImdbFiles(_load(options).titles()).write(directory, ratings)


def _load(options: dict[str, Any]) -> TitleStore:
    recorded, generated = options["recorded"], options["generated"]
    built_in = [] if recorded or generated else [CATALOGUE]
    return load(options["catalogue"] or built_in, recorded, generated, options["seed"])


def _parse_key(text: str) -> tuple[str, int | None]:
    key, _, limit = text.partition(":")
    if not key or (limit and not limit.isdigit()):
        msg = f"{text!r} is not KEY or KEY:LIMIT, such as 1a2b3c4d:1000"
        raise ValueError(msg)
    return key, int(limit) if limit else None


def _arguments() -> list[str]:
    """Return the given options that decide what is served, as arguments of ``serve``."""
    context = click.get_current_context()
    arguments: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        if name in {"host", "port", "data_dir", "env_file"}:
            continue
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(value, bool):
            arguments.append(option.opts[0])
        else:
            for one in value if isinstance(value, tuple) else (value,):
                arguments += [option.opts[0], str(one)]
    return arguments


if __name__ == "__main__":
    main(prog_name="omdb-emulator")
