"""The command `omdb-dashboard`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from omdb_dashboard import DashboardError


def main() -> None:
    """Run the command; exit code 1 with one line if the page cannot be built."""
    arguments = _parser().parse_args()
    try:
        _build(arguments)
    except (DashboardError, OSError) as error:
        sys.exit(f"omdb-dashboard: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="omdb-dashboard", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="write the page")
    build.add_argument(
        "--schema",
        default=os.environ.get("OMDB_SCHEMA", "omdb"),
        help="schema of the environment, without suffix (default: OMDB_SCHEMA or omdb)",
    )
    build.add_argument("--output", type=Path, default=Path("public/index.html"), metavar="FILE")
    build.add_argument(
        "--cache-dir", type=Path, default=Path(".cache"), metavar="DIR", help="for bundled scripts"
    )
    return parser


def _build(arguments: argparse.Namespace) -> None:
    # Imported here, so that --help and errors in arguments come at once.
    from omdb_dashboard import assets, page, warehouse  # noqa: PLC0415

    reports = warehouse.read_reports(arguments.schema)
    html = page.render(reports, vega=assets.vega_script(arguments.cache_dir))
    output: Path = arguments.output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    assets.write_atomically(output, html)
    movies = reports["rpt_headline"][0]["movies"]
    print(f"Wrote {output} ({movies:,} movies, {len(html.encode()) / 1e6:.1f} MB)")  # noqa: T201
