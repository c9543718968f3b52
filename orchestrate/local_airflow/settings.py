"""What is started, and with which variables. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_airflow.secrets_file import Secrets

HOST = "127.0.0.1"
USER = "admin"
DATABASE = "airflow"
BROKER_URL = "AIRFLOW__CELERY__BROKER_URL"

Executor = Literal["local", "celery"]
_EXECUTORS: dict[Executor, str] = {"local": "LocalExecutor", "celery": "CeleryExecutor"}
TASKS_PER_PROCESS = 2
"""Tasks at once, of the scheduler with LocalExecutor or of each worker."""


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        root: The checkout with the DAGs.
        home: Airflow's own data.
    """

    root: Path
    home: Path

    @property
    def passwords(self) -> Path:
        """Passwords of the web interface's users, by name."""
        return self.home / "passwords.json"

    @property
    def logs(self) -> Path:
        """Logs of tasks, and of what is started."""
        return self.home / "logs"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, with which everything shares its metadata."""

    host: str
    port: int
    user: str
    password: str

    def url(self, driver: str, database: str, **options: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql+{driver}://{login}@{self.host}:{self.port}/{database}?{query}"


def broker_url(port: int, password: str) -> str:
    """Return the URL of a broker on this machine."""
    return f"redis://:{quote(password, safe='')}@{HOST}:{port}/0"


def broker_config(port: int, password: str, directory: Path) -> str:
    """Return the configuration of a broker that listens on loopback alone."""
    return f'bind {HOST}\nport {port}\nrequirepass "{password}"\ndir "{directory}"\nsave 60 1\n'


def environment(  # noqa: PLR0913 - each is of its own
    layout: Layout,
    secrets: Secrets,
    server: Server,
    *,
    executor: Executor,
    port: int,
    workers: int,
    given: Mapping[str, str],
    broker: str | None = None,
) -> dict[str, str]:
    """Return the variables of all processes.

    Args:
        layout: Where everything is.
        secrets: Keys and passwords.
        server: The metadata's server.
        executor: What runs the tasks.
        port: The API server's port.
        workers: The number of workers, with Celery.
        given: The variables of the caller. Any of Airflow's wins over what is said here; libpq's
            are left out, since they would lead Airflow to another server.
        broker: The broker's URL, with Celery.
    """
    processes = workers if executor == "celery" else 1
    ours = {
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.root / "orchestrate/dags"),
        "AIRFLOW__CORE__EXECUTOR": _EXECUTORS[executor],
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": str(processes * TASKS_PER_PROCESS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url("psycopg2", DATABASE, sslmode="disable"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": server.url("asyncpg", DATABASE, ssl="disable"),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.logs),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    if broker:
        ours[BROKER_URL] = broker
    kept = {name: value for name, value in given.items() if not name.startswith("PG")}
    return {**ours, **kept, "AIRFLOW_HOME": str(layout.home)}


def components(executor: Executor, workers: int, home: Path) -> dict[str, list[str]]:
    """Return the arguments of `airflow` of each process, by name, in the order of their start.

    The log servers are left out: they would listen on all addresses, and the logs are on this
    machine's disk anyway.
    """
    started = {
        "api-server": ["api-server"],
        "dag-processor": ["dag-processor"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
    }
    if executor == "celery":
        for number in range(1, workers + 1):
            name = f"worker-{number}"
            started[name] = [
                *("celery", "worker", "--skip-serve-logs"),
                f"--celery-hostname={name}@%h",
                f"--concurrency={TASKS_PER_PROCESS}",
                f"--pid={home / name}.pid",
            ]
    return started
