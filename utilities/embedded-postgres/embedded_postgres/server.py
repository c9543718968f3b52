"""The server of one home folder."""

from __future__ import annotations

import logging
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from embedded_postgres import binaries, ports, postmaster
from embedded_postgres.cluster import Cluster
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.folders import ELSEWHERE, folder_for
from embedded_postgres.home import DATABASE, USER, Home, State
from embedded_postgres.privileges import account_for, can_enter, can_execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedded_postgres.privileges import Account

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT_S = 180
_KEPT = ("data", "data.new", "binaries", "log", "pgpass", "state.json", "lock")


@dataclass(frozen=True)
class Status:
    """How a server is.

    Attributes:
        running: Whether it runs.
        pid: Its process; None when stopped.
        port: The port it listens on, or will; None before the first start.
        version: PostgreSQL's major version of the data; None before the first start.
        data: Where the data is.
    """

    running: bool
    pid: int | None
    port: int | None
    version: int | None
    data: Path


class Server:
    """PostgreSQL with its data in a folder, listening on loopback TCP only.

    The server outlives the process that starts it. Progress that a person may want to know is
    logged at level INFO.
    """

    host = ports.HOST
    user = USER
    dbname = DATABASE

    def __init__(
        self,
        home: str | Path,
        port: int | None = None,
        bindir: str | Path | None = None,
        *,
        durable: bool = True,
    ) -> None:
        """Touch nothing yet.

        Args:
            home: The folder; it need not exist.
            port: The preferred port at the first start, later a port to move to; 0 is any free
                one. Without it: the port in use before, or 15432.
            bindir: PostgreSQL's programs; without it those of the wheel.
            durable: False makes new data for tests: faster, but lost in a power cut.
        """
        self._home = Home(home)
        self._asked_port = port
        self._bindir = Path(bindir) if bindir else None
        self._durable = durable

    @property
    def home(self) -> Path:
        """The home folder."""
        return self._home.path

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._home.folder / "log"

    @property
    def pgpass(self) -> Path:
        """The password in a file for libpq's PGPASSFILE."""
        return self._home.pgpass

    @property
    def bindir(self) -> Path:
        """The folder of PostgreSQL's programs.

        Raises:
            EmbeddedPostgresError: There are none for this machine.
        """
        return binaries.find(self._bindir)

    @property
    def port(self) -> int:
        """The port that the server listens on, or will when started again.

        Raises:
            EmbeddedPostgresError: It has never been started.
        """
        return self._state.port

    @property
    def password(self) -> str:
        """The password of `user`.

        Raises:
            EmbeddedPostgresError: There is none yet, or its file is gone.
        """
        if password := self._home.password:
            return password
        problem = f"There is no password in {self.pgpass}"
        raise EmbeddedPostgresError(problem, "`embedded-postgres start` makes one.")

    @property
    def url(self) -> str:
        """`postgresql://…` without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.dbname}"

    @property
    def url_with_password(self) -> str:
        """`postgresql://…` with the password."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.dbname}"

    @property
    def parameters(self) -> dict[str, str | int]:
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
        """The libpq variables that lead any PostgreSQL program to this server."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGPASSFILE": str(self.pgpass),
        }

    def status(self) -> Status:
        """How the server is; changes nothing."""
        state = self._home.state
        data = self._home.folder / "data"
        process = postmaster.find(data)
        return Status(
            running=process is not None,
            pid=process.pid if process else None,
            port=(process.port if process else None) or (state.port if state else None),
            version=_data_version(data),
            data=data,
        )

    def start(self) -> bool:
        """Start the server and wait until it answers; at the first start make its data.

        Returns:
            Whether it was started; False if it ran already.

        Raises:
            EmbeddedPostgresError: It cannot be started.
        """
        with self._locked():
            data = self._home.folder / "data"
            account = account_for(data)
            running = postmaster.settled(data)
            if running and self._home.state and self._home.password:
                if self._asked_port and self._asked_port != running.port:
                    logger.info("It takes port %d after a stop and a start.", self._asked_port)
                return False
            if running:  # but nobody can log in: what the home kept is lost
                self._cluster(self._home.folder, account).stop()
            self._start(self._cluster(self._enterable_folder(account), account))
        return True

    def stop(self) -> bool:
        """Stop the server cleanly.

        Returns:
            Whether it was stopped; False if it did not run.

        Raises:
            EmbeddedPostgresError: It does not stop.
        """
        if not self.status().running:
            return False
        with self._locked():
            data = self._home.folder / "data"
            if postmaster.settled(data) is None:
                return False
            self._cluster(data.parent, account_for(data)).stop()
        return True

    def destroy(self) -> None:
        """Stop the server and delete all that it keeps, data included."""
        self.stop()
        for folder in {self._home.folder, self.home}:
            for path in map(folder.joinpath, _KEPT):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # something else is in there
                folder.rmdir()
        with suppress(OSError):  # another server's data, or nothing of ours
            ELSEWHERE.rmdir()

    def _start(self, cluster: Cluster) -> None:
        """Bring a cluster that does not run to where it answers, from nothing or from a crash."""
        state, password = self._home.state, self._home.password or secrets.token_urlsafe(24)
        fresh = not cluster.data.exists()
        if not fresh:
            _check_version(cluster)
            postmaster.clear_remains(cluster.data)
        kept = state.kept if state else None
        chosen = ports.choose(self._asked_port, kept)
        if fresh:
            self._keep(cluster, chosen, password)
            cluster.create(password, durable=self._durable)
        elif self._home.password is None:
            cluster.set_password(password)
        self._keep(cluster, chosen, password)
        try:
            cluster.start(chosen.port)
        except EmbeddedPostgresError:
            # At a first start somebody else may have been quicker to take the port.
            if kept or ports.is_free(chosen.port):
                raise
            chosen = ports.choose(self._asked_port, None)
            self._keep(cluster, chosen, password)
            cluster.start(chosen.port)

    def _keep(self, cluster: Cluster, chosen: ports.Kept, password: str) -> None:
        elsewhere = None if cluster.folder == self.home else str(cluster.folder)
        self._home.save_password(password, chosen.port)
        self._home.save_state(State(chosen.port, chosen.preferred, elsewhere))

    def _enterable_folder(self, account: Account | None) -> Path:
        """The folder for the data: that of earlier starts, or one that the account can enter."""
        folder = self._home.folder
        if folder.is_dir() and can_enter(folder, account):
            return folder
        if (folder / "data").exists():
            who = account.name if account else "this user"
            problem = f"User {who}, as whom PostgreSQL runs, cannot enter {folder} with its data"
            raise EmbeddedPostgresError(problem, "move the project where that user can.")
        if folder != self.home:
            logger.warning("The data in %s is gone: starting with none.", folder)
        folder = folder_for(self.home, account)
        if folder != self.home and account:
            logger.info(
                "User %s, as whom PostgreSQL runs under root, cannot enter %s: the data is in %s.",
                account.name,
                self.home,
                folder,
            )
        return folder

    def _cluster(self, folder: Path, account: Account | None) -> Cluster:
        """The cluster in a folder, with programs that the account can run."""
        bindir = self.bindir
        binaries.major_version(bindir)
        if not can_execute(bindir / "postgres", account):
            if self._bindir:
                who = account.name if account else "this user"
                problem = f"User {who}, as whom PostgreSQL runs, cannot reach PG_BINDIR, {bindir}"
                raise EmbeddedPostgresError(problem, "choose a folder that every user can read.")
            bindir = binaries.copy(folder / "binaries")
        return Cluster(folder, bindir, account)

    @property
    def _state(self) -> State:
        if state := self._home.state:
            return state
        problem = f"There is no server in {self.home} yet"
        raise EmbeddedPostgresError(problem, "`embedded-postgres start` makes one.")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One start or stop at a time."""
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._home.lock, timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            problem = f"Another start or stop has held {self._home.lock} for {_LOCK_TIMEOUT_S} s"
            raise EmbeddedPostgresError(problem, "end that and try again.") from error


def _check_version(cluster: Cluster) -> None:
    theirs, ours = _data_version(cluster.data), binaries.major_version(cluster.bindir)
    if theirs != ours:
        problem = f"The data in {cluster.data} is of PostgreSQL {theirs}, the programs are {ours}"
        remedy = f"set PG_BINDIR to programs of version {theirs}, or move the data away."
        raise EmbeddedPostgresError(problem, remedy)


def _data_version(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
