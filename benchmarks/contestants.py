"""The ways to load titles that `pipeline.py` compares: this pipeline, and what else is used."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import API_KEY, IN_FLIGHT
from tap_omdb.omdb.records import STREAM_OF_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKOUT = Path(__file__).resolve().parents[1]
MELTANO = CHECKOUT / ".venv/bin/meltano"
PIPELINES = Path(__file__).parent / "pipelines"
PLUGINS = CHECKOUT / ".meltano"
TAP = PLUGINS / "extractors/tap-omdb/venv/bin/tap-omdb"
TARGET = PLUGINS / "loaders/target-postgres/venv/bin/target-postgres"
UV = os.environ.get("UV", "uv")

RAW = " union all ".join(
    f"select imdb_id from omdb_raw.{stream}"  # noqa: S608 - our own names
    for stream in STREAM_OF_TYPE.values()
)
TARGET_CONFIG = {
    "sqlalchemy_url": "postgresql+psycopg://",
    "default_target_schema": "omdb_raw",
    "use_copy": True,
    "validate_records": False,
    "batch_size_rows": 3000,
    "activate_version": False,
}
"""As in meltano.yml."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be loaded.

    Attributes:
        url: Of the emulator.
        folder: For a contestant's own files.
    """

    url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to load titles into Postgres.

    Attributes:
        name: As in the tables.
        command: Its command for a file of ids.
        titles: The query that lists the ids that it has loaded.
        env: Its environment variables for a file of ids and, if there is one, a ratings file.
        prepare: Does what an installation does; not measured.
        age_state: Makes its state two days older; None if it keeps none and so always loads all.
    """

    name: str
    command: Callable[[Work, Path], list[str]]
    titles: str = "select imdb_id from bench.titles"
    env: Callable[[Work, Path, Path | None], Mapping[str, str]] = lambda *_: {}
    prepare: Callable[[Work], None] = lambda _: None
    age_state: Callable[[Work], None] | None = None


def contestants() -> dict[str, Contestant]:
    """Return all by a short name; the first is the practical limit."""
    return {
        "copy": Contestant("aiohttp, one COPY", _script("aiohttp_copy.py")),
        "pipe": Contestant(
            "`tap-omdb \\| target-postgres`",
            _pipe,
            RAW,
            _environment,
            age_state=_age_file,
        ),
        "dbt": meltano("tap-omdb", "target-postgres", "dbt:run"),
        "dlt": Contestant(
            "dlt `rest_api`, no transformations",
            _script("dlt_postgres.py"),
            "select imdb_id from dlt.titles",
        ),
    }


def _script(name: str) -> Callable[[Work, Path], list[str]]:
    """A script in pipelines/, in an environment of its own."""
    path = PIPELINES / name

    def command(work: Work, ids: Path) -> list[str]:
        subprocess.run([UV, "sync", "--quiet", "--script", path], check=True)
        find = [UV, "python", "find", "--script", str(path)]
        python = subprocess.check_output(find, text=True).strip()
        return [python, str(path), work.url, str(ids), str(IN_FLIGHT)]

    return command


def meltano(*blocks: str) -> Contestant:
    """Return `meltano run` of these plugins and commands."""
    command = [str(MELTANO), "--environment=prod", "--log-level=warning", "run", *blocks]
    return Contestant(
        f"`meltano run {' '.join(blocks)}`",
        lambda *_: command,
        RAW,
        _environment,
        _install,
        _age_database,
    )


def _environment(work: Work, ids: Path, ratings: Path | None) -> dict[str, str]:
    """Variables that send the tap to the emulator; all state is in the contestant's folder."""
    return {
        "TAP_OMDB_API_URL": work.url,
        "TAP_OMDB_API_KEY": API_KEY,
        "TAP_OMDB_TITLES_FILE": str(ids),
        "TAP_OMDB_DAILY_REQUESTS": "100000000",
        "TAP_OMDB_CONCURRENCY": str(IN_FLIGHT),
        "TAP_OMDB_CACHE_DIR": str(work.folder / "cache"),
        "TAP_OMDB_LOGLEVEL": "WARNING",
        **({"TAP_OMDB_RATINGS_FILE": str(ratings)} if ratings else {}),
        "TAP_OMDB_YEARS": "[]",
        "TAP_OMDB_IMDB_IDS": "[]",
        "MELTANO_DATABASE_URI": f"sqlite:///{work.folder / 'meltano.db'}",
        "MELTANO_PROJECT_ROOT": str(CHECKOUT),
    }


def _install(work: Work) -> None:
    """Do what is in the image: Meltano has created its database, and dbt has parsed its project."""
    env = {**os.environ, **_environment(work, Path(os.devnull), None)}
    for command in (("state", "list"), ("invoke", "dbt:parse")):
        meltano = [str(MELTANO), "--environment=prod", "--log-level=error", *command]
        subprocess.run(meltano, env=env, stdout=subprocess.DEVNULL, check=True)


def _pipe(work: Work, _: Path) -> list[str]:
    """The tap and the target in a shell's pipe, with the state of the last run."""
    loader, state = work.folder / "target.json", work.folder / "state.json"
    loader.write_text(json.dumps(TARGET_CONFIG))
    if not state.exists():
        state.write_text("{}")
    shell = (
        f"set -o pipefail; '{TAP}' --config=ENV --state='{state}'"
        f" | '{TARGET}' --config='{loader}' > '{state}.all' && tail -n 1 '{state}.all' > '{state}'"
    )
    return ["bash", "-c", shell]


def _age_file(work: Work) -> None:
    state = work.folder / "state.json"
    state.write_text(state.read_text().replace(*_dates()))
    _empty_cache(work)


def _age_database(work: Work) -> None:
    with sqlite3.connect(work.folder / "meltano.db") as connection:
        connection.execute(
            "update state set completed_state = replace(completed_state, ?, ?)", _dates()
        )
    connection.close()
    _empty_cache(work)


def _empty_cache(work: Work) -> None:
    """Delete today's responses, which are newer than an older state and would be used."""
    shutil.rmtree(work.folder / "cache")


def _dates() -> tuple[str, str]:
    """Return today's date, as it is in a state, and the one two days before."""
    today = datetime.now(timezone.utc).date()
    return today.isoformat(), (today - timedelta(days=2)).isoformat()
