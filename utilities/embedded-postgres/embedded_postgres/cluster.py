"""Create, start, stop and change a database cluster with PostgreSQL's own programs."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded_postgres.data_directory import DATABASE, HOST, USER
from embedded_postgres.programs import Account, EmbeddedPostgresError, chown, run

_SETTINGS = """
# Added by embedded-postgres at the first start; you can edit it.
# (Address, port and sockets are set at each start.)
timezone = 'UTC'
log_timezone = 'UTC'
shared_buffers = 128MB
work_mem = 16MB
maintenance_work_mem = 128MB
log_checkpoints = off
"""
# For tests: faster, but the data is lost in a power cut.
_VOLATILE_SETTINGS = """
fsync = off
full_page_writes = off
"""
_LOCALES = ("C.UTF-8", "C")
_TAIL_LINES = 12

_PORT_LINE, _STATE_LINE = 3, 7
_SETTLE_TIMEOUT_S = 60.0
_ORPHAN_TIMEOUT_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Cluster:
    """A database cluster, its log and its owner.

    Attributes:
        location: The directory of `data` and `log`; the account can enter it.
        bindir: The directory of PostgreSQL's programs; the account can run them.
        account: The owner of the data; None for the current account.
    """

    location: Path
    bindir: Path
    account: Account | None

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's data directory."""
        return self.location / "data"

    def create(self, password: str, *, durable: bool) -> None:
        """Create the cluster with its user and database, completely or not at all.

        Args:
            password: The password of the only user, who is the superuser.
            durable: Whether the data survives a power cut.

        Raises:
            EmbeddedPostgresError: `initdb` failed.
        """
        new = self.location / "data.new"
        error: str | None = None
        for locale in _LOCALES:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            chown(new, self.account)
            error = self._initdb(new, password, locale, durable=durable)
            if error is None or "invalid locale" not in error:
                break
        if error is not None:
            shutil.rmtree(new, ignore_errors=True)
        _check(error, f"PostgreSQL cannot create its data in {self.location}")
        with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS if durable else _SETTINGS + _VOLATILE_SETTINGS)
        self._single_user(f"CREATE DATABASE {DATABASE}", new)
        new.rename(self.pgdata)

    def set_password(self, password: str) -> None:
        """Change the password of the user; no server may be running."""
        self._single_user(f"ALTER ROLE {USER} PASSWORD '{password}'", self.pgdata)

    def start(self, port: int) -> None:
        """Start the server and wait until it accepts connections; it outlives this process.

        Raises:
            EmbeddedPostgresError: It does not start; the message ends with its log.
        """
        log = self.location / "log"
        if not log.exists():
            log.touch(mode=0o600)
            chown(log, self.account)
        before = log.stat().st_size
        # No Unix socket, since its path is limited to 107 bytes.
        options = f"-c listen_addresses={HOST} -c port={port} -c unix_socket_directories="
        # Relative paths, since pg_ctl passes them to a shell.
        start = ("pg_ctl", "start", "-w", "-t", "120", "-D", "data", "-l", "log", "-o", options)
        error = self._run(*start)
        if error is not None:
            error = log.read_bytes()[before:].decode(errors="replace") or error
        _check(error, f"PostgreSQL does not start on port {port}")

    def stop(self) -> None:
        """Stop the server: it ends all sessions and writes everything to disk.

        Raises:
            EmbeddedPostgresError: It does not stop within a minute.
        """
        error = self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", "data")
        _check(error, "PostgreSQL does not stop")

    def _initdb(self, new: Path, password: str, locale: str, *, durable: bool) -> str | None:
        # In a file, since all users can see the arguments of a command.
        with tempfile.NamedTemporaryFile("w", dir=self.location, prefix=".password-") as file:
            file.write(password)
            file.flush()
            chown(Path(file.name), self.account)
            return self._run(
                "initdb",
                f"--pgdata={new.name}",
                f"--username={USER}",
                f"--pwfile={file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                f"--locale={locale}",
                *([] if durable else ["--no-sync"]),
            )

    def _single_user(self, sql: str, data: Path) -> None:
        options = ("-j", "-c", "exit_on_error=on", "-D", data.name, "postgres")
        error = self._run("postgres", "--single", *options, stdin=f"{sql};\n\n")
        _check(error, f"PostgreSQL cannot change its data in {self.location}")

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str | None:
        """Run one of PostgreSQL's programs; returns its output if it failed, else None."""
        command: list[str | Path] = [self.bindir / program, *arguments]
        done = run(command, self.account, self.location, stdin)
        return done.stdout if done.returncode else None


@dataclass(frozen=True)
class Postmaster:
    """The main process of a running server, as described by its `postmaster.pid`.

    Attributes:
        pid: The id of the process.
        port: The port it listens on; None until it has written that.
        state: "starting", "ready" or "stopping"; empty until it has written that.
    """

    pid: int
    port: int | None
    state: str


def find_postmaster(pgdata: Path) -> Postmaster | None:
    """The running server of a data directory, if there is one.

    After a crash, the process id in `postmaster.pid` may belong to no process, or to another one.
    Only a PostgreSQL process in this data directory counts.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if not _belongs_to(pid, pgdata):
        return None
    port = lines[_PORT_LINE].strip() if len(lines) > _PORT_LINE else ""
    state = lines[_STATE_LINE].strip() if len(lines) > _STATE_LINE else ""
    return Postmaster(pid, int(port) if port.isdecimal() else None, state)


def wait_until_settled(pgdata: Path) -> Postmaster | None:
    """Like `find_postmaster`, after the server has finished starting (and recovering) or stopping.

    Raises:
        EmbeddedPostgresError: It has not finished within a minute.
    """
    deadline = time.monotonic() + _SETTLE_TIMEOUT_S
    while (found := find_postmaster(pgdata)) is not None and found.state != "ready":
        if time.monotonic() > deadline:
            problem = f"Postgres (pid {found.pid}) is still {found.state or 'starting'}"
            remedy = f"wait and try again; {pgdata.with_name('log')} shows what it does."
            raise EmbeddedPostgresError(problem, remedy)
        time.sleep(_POLL_S)
    return found


def clean_up_after_crash(pgdata: Path) -> None:
    """Remove what would prevent a start after a crash; no server may be running.

    PostgreSQL cleans up after itself, with two exceptions: server processes that outlive the
    postmaster in a long query, and a `postmaster.pid` whose process id another process has now.
    """
    pidfile = pgdata / "postmaster.pid"
    if not pidfile.exists():
        return
    orphans = [process for process in psutil.process_iter() if _belongs_to(process.pid, pgdata)]
    # As a postmaster does when one of its child processes has crashed.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        deadline = time.monotonic() + _ORPHAN_TIMEOUT_S
        while orphans and time.monotonic() < deadline:
            orphans = [process for process in orphans if _belongs_to(process.pid, pgdata)]
            time.sleep(_POLL_S)
    # Without any process of this data directory, the file has no purpose.
    pidfile.unlink()


def _belongs_to(pid: int, pgdata: Path) -> bool:
    """Whether a process is PostgreSQL with this data directory, which is its working directory."""
    try:
        process = psutil.Process(pid)
        is_postgres = process.name() in {"postgres", "postmaster"}
        return is_postgres and process.cwd() == str(pgdata.resolve())
    except (psutil.Error, OSError):
        return False


def _check(error: str | None, problem: str) -> None:
    """Raise if a program has failed, with the last lines of its output."""
    if error is not None:
        lines = error.strip().splitlines()[-_TAIL_LINES:]
        remedy = "\n  ".join(["fix the cause shown in its output:", *lines])
        raise EmbeddedPostgresError(problem, remedy)
