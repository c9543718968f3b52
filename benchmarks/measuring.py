"""What a command costs, and the server that it is run against."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import psutil
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.client import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

API_KEY = "00000000"
_SAMPLE_SECONDS = 0.3


@dataclass(slots=True)
class Program:
    """What the processes of one program took, as far as samples show.

    Attributes:
        first: When it was first seen, in seconds since the start of the command.
        last: When it was last seen.
        peak_mb: The largest sum of its processes' proportional set sizes, in millions of bytes.
        cpu: Seconds of the processor, by process id.
    """

    first: float
    last: float = 0
    peak_mb: float = 0
    cpu: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command with all its descendants took; not Postgres and the emulator.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of the processor.
        peak_mb: The largest sum of their proportional set sizes, in millions of bytes.
        requests: Requests that the emulator counted.
        programs: By the name of the executable or script.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    requests: int = 0
    programs: Mapping[str, Program] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in a few words."""
        return (
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, {self.peak_mb:.0f} MB, "
            f"{self.requests:,} requests"
        )


def run(
    command: Sequence[str],
    env: Mapping[str, str],
    url: str,
    kill_when: Callable[[], bool] = lambda: False,
) -> Cost:
    """Run a command to its end, and count its requests to the emulator at a URL.

    Args:
        command: What to run.
        env: Its environment variables, besides those of this process.
        url: Of the emulator.
        kill_when: Asked now and then; if true, the command is killed with all that it has started.

    Raises:
        subprocess.CalledProcessError: If it fails otherwise.
    """
    control = Control(url)
    before = int(control.stats()["requests"])
    started = time.monotonic()
    killed = threading.Event()
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )

        def look_at_the_time() -> None:
            if not killed.is_set() and kill_when():
                killed.set()
                os.killpg(process.pid, signal.SIGKILL)

        with _sampled(process.pid, look_at_the_time) as (programs, sums):
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and not killed.is_set():
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise subprocess.CalledProcessError(process.returncode, command)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    if killed.is_set():  # only its own is known by now
        cpu_seconds = sum(sum(program.cpu.values()) for program in programs.values())
    requests = int(control.stats()["requests"]) - before
    return Cost(seconds, cpu_seconds, max(sums), requests, programs)


@contextmanager
def _sampled(
    pid: int, after_each: Callable[[], None]
) -> Iterator[tuple[dict[str, Program], list[float]]]:
    """Look at a process with its descendants now and then.

    Yields:
        Its programs, and the sums of their sizes.
    """
    programs: dict[str, Program] = {}
    sums, ended, started = [0.0], threading.Event(), time.monotonic()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            now = time.monotonic() - started
            sizes: Counter[str] = Counter()
            with suppress(psutil.Error):
                root = psutil.Process(pid)
                for process in (root, *root.children(recursive=True)):
                    with suppress(psutil.Error, OSError):  # it has ended
                        name = _name(process.cmdline())
                        sizes[name] += process.memory_full_info().pss
                        program = programs.setdefault(name, Program(now))
                        program.cpu[process.pid] = sum(process.cpu_times()[:2])
                        program.last = now
            for name, size in sizes.items():
                programs[name].peak_mb = max(programs[name].peak_mb, size / 1e6)
            sums.append(sizes.total() / 1e6)
            after_each()

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield programs, sums
    finally:
        ended.set()
        thread.join()


def _name(command: Sequence[str]) -> str:
    """The script that Python runs, or the executable."""
    first, second, *_ = (*(Path(word).name for word in command), "", "")
    return second if first.startswith("python") else first


@contextmanager
def emulator(titles: int, latency_ms: int = 0) -> Iterator[str]:
    """Serve so many generated titles from a process of its own; yield the URL.

    Without any, its built-in catalogue.
    """
    options = [f"--key={API_KEY}:100000000", f"--generated={titles}", f"--latency-ms={latency_ms}"]
    command = [sys.executable, "-m", "omdb_emulator", "serve", "--port=0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        # Its first line is a sentence with the URL in it.
        words = process.stdout.readline().split() if process.stdout else []
        yield next(word for word in words if word.startswith("http"))
    finally:
        process.terminate()
        process.communicate()


def write_ids(path: Path, titles: int) -> Path:
    """Write the ids of the emulator's titles, one a line."""
    generated = GeneratedTitles(titles)
    with path.open("w") as file:
        file.writelines(f"{generated.id_of(row)}\n" for row in range(titles))
    return path


def write_results(page: Path, name: str, text: str) -> None:
    """Replace what is between the comments `begin NAME` and `end NAME` of a page."""
    between = f"(?<=<!-- begin {name} -->\n).*(?=\n<!-- end {name} -->)"
    old = page.read_text(encoding="utf-8")
    page.write_text(re.sub(between, lambda _: text, old, flags=re.DOTALL), encoding="utf-8")


def machine(*packages: str) -> str:
    """Describe where this runs and with what, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def load() -> str:
    """Return how busy the machine is: its load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"
