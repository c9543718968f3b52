"""The command `omdb-export`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from omdb_export.errors import ExportError


def main() -> None:
    """Run the command; exit code 1 with one line if the files cannot be written."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except (ExportError, OSError) as error:
        sys.exit(f"omdb-export: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="omdb-export", description=__doc__)
    parser.add_argument(
        "--schema",
        default=os.environ.get("OMDB_SCHEMA", "omdb"),
        help="schema of the environment, without suffix (default: OMDB_SCHEMA or omdb)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    marts = commands.add_parser("marts", help="write every mart as Parquet and CSV")
    marts.add_argument("--output", type=Path, default=Path("export"), metavar="FOLDER")
    marts.set_defaults(run=_marts)
    return parser


def _marts(arguments: argparse.Namespace) -> None:
    # Imported here, so that --help and errors in arguments come at once.
    from omdb_export import marts, warehouse  # noqa: PLC0415

    output: Path = arguments.output.absolute()
    with warehouse.connect() as source:
        written = marts.export_marts(source, arguments.schema, output)
    print(f"Wrote {written.marts} marts with {written.rows:,} rows to {output}")  # noqa: T201
