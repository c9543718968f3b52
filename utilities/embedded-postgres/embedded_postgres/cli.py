"""The command `embedded-postgres`."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

import click

from embedded_postgres.data_directory import DEFAULT_PORT, PORT_VARIABLE, record_port
from embedded_postgres.programs import EmbeddedPostgresError
from embedded_postgres.server import Server, Status

_NOT_RUNNING = 3  # as for `pg_ctl status` and init scripts


@click.group(context_settings={"show_default": True})
@click.option(
    "--data-dir",
    envvar="EMBEDDED_POSTGRES_DATA_DIR",
    show_envvar=True,
    default=".postgres",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the server's data, password and log.",
)
@click.option(
    "--port",
    envvar=PORT_VARIABLE,
    show_envvar=True,
    type=click.IntRange(0, 65535),
    help=f"Preferred port at the first start; later, a port to move to.  [default: {DEFAULT_PORT}]",
)
@click.version_option(package_name="embedded-postgres")
@click.pass_context
def cli(context: click.Context, data_dir: Path, port: int | None) -> None:
    """A PostgreSQL server for this project, with its data in a directory, on loopback only.

    PG_BINDIR is the directory of other programs than the bundled PostgreSQL.
    """
    context.obj = Server(data_dir, port, os.environ.get("PG_BINDIR"))


@cli.command()
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Record the port in this file as {PORT_VARIABLE} if it is not {DEFAULT_PORT}.",
)
@click.pass_obj
def start(server: Server, env_file: Path | None) -> None:
    """Start the server; the first time, create its data."""
    started = server.start()
    status = server.status()
    click.echo(_describe(status) if started else f"Already running: {_describe(status)}")
    if env_file and status.port and record_port(env_file, status.port):
        click.echo(f"Wrote {PORT_VARIABLE}={status.port} to {env_file}.")


@cli.command()
@click.pass_obj
def stop(server: Server) -> None:
    """Stop the server; the data is kept."""
    stopped = server.stop()
    click.echo("Postgres has stopped." if stopped else "Postgres is not running.")


@cli.command()
@click.pass_context
def status(context: click.Context) -> None:
    """Show the status of the server; exit code 0 if it is running, 3 if not."""
    found = context.ensure_object(Server).status()
    click.echo(_describe(found))
    if not found.running:
        context.exit(_NOT_RUNNING)


@cli.command()
@click.option("--with-password", is_flag=True, help="Include the password.")
@click.pass_obj
def url(server: Server, *, with_password: bool) -> None:
    """Print the connection URL of the server."""
    click.echo(server.url_with_password if with_password else server.url)


@cli.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(server: Server, arguments: tuple[str, ...]) -> None:
    """Run psql on the database, with any of psql's own arguments."""
    if not server.status().running:
        problem = "Postgres is not running"
        raise EmbeddedPostgresError(problem, "`embedded-postgres start` starts it.")
    places = [str(server.bindir), os.environ.get("PATH", os.defpath)]
    program = shutil.which("psql", path=os.pathsep.join(places))
    if program is None:
        problem = f"There is no psql in {server.bindir}"
        raise EmbeddedPostgresError(problem, "install PostgreSQL's client programs.")
    others = {name: value for name, value in os.environ.items() if name not in _OVERRIDES}
    os.execve(program, ["psql", *arguments], {**others, **server.environment})  # noqa: S606


@cli.command()
@click.confirmation_option(prompt="Delete the server and all of its data?")
@click.pass_obj
def destroy(server: Server) -> None:
    """Stop the server and delete all of its data."""
    server.destroy()
    click.echo("Postgres and its data are deleted.")


def main() -> None:
    """Run the command; errors are one line on stderr, with exit code 1."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("embedded_postgres").setLevel(logging.INFO)
    try:
        cli()
    except (EmbeddedPostgresError, OSError) as error:
        is_denied = isinstance(error, PermissionError)
        remedy = ": run this as the user who owns the server." if is_denied else ""
        click.echo(f"embedded-postgres: {error}{remedy}", err=True)
    sys.exit(1)


def _describe(status: Status) -> str:
    if status.running:
        return (
            f"Postgres {status.version} is running on 127.0.0.1:{status.port} "
            f"(pid {status.pid}, data in {status.pgdata})."
        )
    if status.version is None:
        return "Postgres is stopped; it has no data yet."
    return f"Postgres {status.version} is stopped (data in {status.pgdata})."


# These libpq variables take precedence over those of the server.
_OVERRIDES = {"PGHOSTADDR", "PGPASSWORD", "PGSERVICE", "PGSSLMODE", "PGREQUIREAUTH"}
