# ruff: noqa: T201  # it prints what it has done
"""The command `omdb-export`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from omdb_export import ExportError


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
    enrich = commands.add_parser("enrich", help="write a list with the data of its titles")
    enrich.add_argument(
        "list",
        nargs="?",
        default=os.environ.get("TAP_OMDB_TITLES_FILE"),
        help="the file, as the tap has read it; others as in its setting titles_file "
        "(default: TAP_OMDB_TITLES_FILE)",
    )
    enrich.add_argument("--format", default="csv", choices=["csv", "xlsx", "parquet", "json"])
    enrich.add_argument(
        "--keep-formulas",
        action="store_true",
        help="leave texts as they are that a spreadsheet would run as formulas",
    )
    enrich.set_defaults(run=_enrich)
    return parser


def _marts(arguments: argparse.Namespace) -> None:
    # Imported here, so that --help and errors in arguments come at once.
    from omdb_export import marts, warehouse  # noqa: PLC0415

    output: Path = arguments.output.absolute()
    with warehouse.connect() as source:
        written = marts.export_marts(source, arguments.schema, output)
    print(f"Wrote {written.marts} marts with {written.rows:,} rows to {output}")


def _enrich(arguments: argparse.Namespace) -> None:
    from tap_omdb.config.titles_file import TitlesFileError  # noqa: PLC0415
    from tap_omdb.config.values import SettingError, parse_titles_files  # noqa: PLC0415

    from omdb_export import enriched, warehouse  # noqa: PLC0415

    if not arguments.list:
        message = "name a list: omdb-export enrich LIST"
        raise ExportError(message)
    try:
        files = parse_titles_files(arguments.list)
    except (SettingError, TitlesFileError) as error:
        raise ExportError(str(error)) from error
    with warehouse.connect() as source:
        for file in files:
            name = file.path.name.removesuffix(".gz")
            output = file.path.with_name(f"{Path(name).stem}.enriched.{arguments.format}")
            counts = enriched.write_enriched(
                source,
                arguments.schema,
                file,
                output,
                file_format=arguments.format,
                keep_formulas=arguments.keep_formulas,
            )
            print(f"{file.path}: {enriched.summary(counts)}")
            if counts["pending"]:
                print("Run it again for what is pending, after 00:00 UTC if no requests are left.")
            print(f"Wrote {output.absolute()}")
