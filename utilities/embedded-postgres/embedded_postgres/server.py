"""The server of one data directory."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from embedded_postgres import programs
from embedded_postgres.cluster import (
    Cluster,
    clean_up_after_crash,
    find_postmaster,
    wait_until_settled,
)
from embedded_postgres.data_directory import (
    DATABASE,
    FALLBACK_ROOT,
    HOST,
    USER,
    DataDirectory,
    choose_port,
)
from embedded_postgres.programs import (
    Account,
    EmbeddedPostgresError,
    account_for,
    can_enter,
    can_run,
)

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT_S = 180
_OWN_FILES = ("data", "data.new", "binaries", "log", "pgpass", "state.json", "lock")


@dataclass(frozen=True)
class Status:
    """The status of a server.

    Attributes:
        running: Whether it is running.
        pid: Its process id; None if it is stopped.
        port: The port that it uses when it runs; None before the first start.
        version: The major version of PostgreSQL of the data; None before the first start.
        pgdata: PostgreSQL's data directory.
    """

    running: bool
    pid: int | None
    port: int | None
    version: int | None
    pgdata: Path


class Server:
    """A PostgreSQL server with its data in one directory, listening on loopback TCP only.

    The server outlives the process that starts it. Changes that may surprise a user are logged at
    level INFO or WARNING.

    Attributes:
        data_dir: The directory of the data, password and log.
        pgpass: The password file, for libpq's PGPASSFILE.
    """

    host = HOST
    user = USER
    dbname = DATABASE

    def __init__(
        self,
        data_dir: str | Path,
        port: int | None = None,
        bindir: str | Path | None = None,
        *,
        durable: bool = True,
    ) -> None:
        """Describe a server; nothing is created or started yet.

        Args:
            data_dir: The directory of the data, password and log; it need not exist.
            port: The preferred port at the first start, later a port to move to; 0 is any free
                one, None the previous one or 15432.
            bindir: The directory of PostgreSQL's programs; None for those of the wheel.
            durable: False creates data for tests: faster, but lost in a power cut.
        """
        self._directory = DataDirectory(data_dir)
        self.data_dir = self._directory.path
        self.pgpass = self._directory.pgpass
        self._requested_port = port
        self._bindir = Path(bindir) if bindir else None
        self._durable = durable

    @property
    def bindir(self) -> Path:
        """The directory of PostgreSQL's programs.

        Raises:
            EmbeddedPostgresError: There are none for this platform.
        """
        return programs.find(self._bindir)

    @property
    def port(self) -> int:
        """The port that the server uses when it runs.

        Raises:
            EmbeddedPostgresError: It has never been started.
        """
        if state := self._directory.state:
            return state.port
        problem = f"There is no server in {self.data_dir} yet"
        raise EmbeddedPostgresError(problem, "`embedded-postgres start` creates one.")

    @property
    def password(self) -> str:
        """The password of `user`.

        Raises:
            EmbeddedPostgresError: There is none yet, or its file is missing.
        """
        if password := self._directory.password:
            return password
        problem = f"There is no password in {self.pgpass}"
        raise EmbeddedPostgresError(problem, "`embedded-postgres start` creates one.")

    @property
    def url(self) -> str:
        """`postgresql://…` without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.dbname}"

    @property
    def url_with_password(self) -> str:
        """`postgresql://…` with the password."""
        return self.url.replace("@", f":{self.password}@")

    @property
    def parameters(self) -> dict[str, Any]:
        """host, port, user, password and dbname, as `psycopg.connect` takes them."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.dbname,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The libpq variables with which PostgreSQL programs connect to this server."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGPASSFILE": str(self.pgpass),
        }

    def status(self) -> Status:
        """The status of the server; nothing is changed."""
        state = self._directory.state
        pgdata = self._directory.pgdata
        process = find_postmaster(pgdata)
        return Status(
            running=process is not None,
            pid=process.pid if process else None,
            port=(process.port if process else None) or (state.port if state else None),
            version=_data_version(pgdata),
            pgdata=pgdata,
        )

    def start(self) -> bool:
        """Start the server and wait until it accepts connections; the first time, create its data.

        Returns:
            Whether it was started; False if it was running already.

        Raises:
            EmbeddedPostgresError: It cannot be started.
        """
        with self._locked():
            pgdata = self._directory.pgdata
            account = account_for(pgdata)
            running = wait_until_settled(pgdata)
            if running and self._directory.state and self._directory.password:
                if self._requested_port and self._requested_port != running.port:
                    message = "Postgres keeps port %d while it runs: stop it before you choose %d."
                    logger.info(message, running.port, self._requested_port)
                return False
            if running:  # but the port or the password is lost, so nobody can log in
                self._cluster(pgdata.parent, account).stop()
            self._start(self._cluster(self._location_for(account), account))
        return True

    def stop(self) -> bool:
        """Stop the server cleanly.

        Returns:
            Whether it was stopped; False if it was not running.

        Raises:
            EmbeddedPostgresError: It does not stop.
        """
        if not self.status().running:
            return False
        with self._locked():
            pgdata = self._directory.pgdata
            if wait_until_settled(pgdata) is None:
                return False
            self._cluster(pgdata.parent, account_for(pgdata)).stop()
        return True

    def destroy(self) -> None:
        """Stop the server and delete all of its files, including the data."""
        self.stop()
        for directory in {self._directory.location, self.data_dir}:
            for path in map(directory.joinpath, _OWN_FILES):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # it contains other files
                directory.rmdir()
        with suppress(OSError):  # it does not exist, or contains the data of other servers
            FALLBACK_ROOT.rmdir()

    def _start(self, cluster: Cluster) -> None:
        """Start a cluster that is not running, after creating it or cleaning up after a crash."""
        stored = self._directory.password
        password = stored or secrets.token_urlsafe(24)
        if not cluster.pgdata.exists():
            cluster.create(password, durable=self._durable)
        else:
            _check_version(cluster)
            clean_up_after_crash(cluster.pgdata)
            if stored is None:
                cluster.set_password(password)
        choice = choose_port(self._requested_port, self._directory.state)
        self._directory.save(choice, cluster.location, password)
        cluster.start(choice.port)

    def _location_for(self, account: Account | None) -> Path:
        """The location of earlier starts, or else one that the account can use."""
        location = self._directory.location
        if (location / "data").exists():
            if can_enter(location, account):
                return location
            problem = f"User {account}, as whom PostgreSQL runs, cannot enter {location}"
            raise EmbeddedPostgresError(problem, "move the project to where that user can.")
        if location != self.data_dir:
            if location.is_dir():
                return location
            logger.warning("The data in %s is missing: starting with an empty database.", location)
        return self._directory.choose_location(account)

    def _cluster(self, location: Path, account: Account | None) -> Cluster:
        """The cluster at a location, with programs that the account can run."""
        bindir = self.bindir
        programs.major_version(bindir)
        if not can_run([bindir / "postgres", "--version"], account):
            if not programs.is_bundled(bindir):
                problem = f"User {account}, as whom PostgreSQL runs, cannot access {bindir}"
                raise EmbeddedPostgresError(problem, "use a directory that every user can read.")
            bindir = programs.copy(bindir, location / "binaries")
        return Cluster(location, bindir, account)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock with which one process at a time starts or stops the server."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = self._directory.lock
        try:
            with FileLock(lock, timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            problem = f"Another start or stop has held {lock} for {_LOCK_TIMEOUT_S} s"
            raise EmbeddedPostgresError(problem, "wait for it or end it, and try again.") from error


@contextmanager
def temporary(bindir: str | Path | None = None) -> Iterator[Server]:
    """A running server for tests on any free port, which is deleted with its data afterwards.

    Args:
        bindir: The directory of PostgreSQL's programs; None for those of the wheel.

    Yields:
        The running server.
    """
    with tempfile.TemporaryDirectory(prefix="embedded-postgres-") as directory:
        # If root runs this, the server runs as another user, who must be able to enter.
        Path(directory).chmod(0o711)
        server = Server(Path(directory) / "data", port=0, bindir=bindir, durable=False)
        try:
            server.start()
            yield server
        finally:
            server.destroy()


def _check_version(cluster: Cluster) -> None:
    of_data, of_programs = _data_version(cluster.pgdata), programs.major_version(cluster.bindir)
    if of_data != of_programs:
        problem = (
            f"The data in {cluster.pgdata} is of PostgreSQL {of_data}, "
            f"the programs are of {of_programs}"
        )
        remedy = f"set PG_BINDIR to programs of version {of_data}, or move the data away."
        raise EmbeddedPostgresError(problem, remedy)


def _data_version(pgdata: Path) -> int | None:
    try:
        return int((pgdata / "PG_VERSION").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
