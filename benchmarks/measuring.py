"""What a command costs, and the server that it is run against."""

from __future__ import annotations

import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import psutil
from omdb_emulator.client import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

API_KEY = "00000000"
IN_FLIGHT = 16
"""Requests at once, of every benchmark."""

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
    control, programs, sizes = Control(url), dict[str, Program](), [0.0]
    before, cpu_before = int(control.stats()["requests"]), _cpu_of_children()
    started, is_killed = time.monotonic(), False
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        while not _has_ended(process):
            sizes.append(_sample(process.pid, time.monotonic() - started, programs))
            if not is_killed and kill_when():
                os.killpg(process.pid, signal.SIGKILL)
                is_killed = True
        seconds = time.monotonic() - started
        if process.returncode and not is_killed:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise subprocess.CalledProcessError(process.returncode, command)
    cpu_seconds = _cpu_of_children() - cpu_before
    if is_killed:  # only its own is known by now
        cpu_seconds = sum(sum(program.cpu.values()) for program in programs.values())
    requests = int(control.stats()["requests"]) - before
    return Cost(seconds, cpu_seconds, max(sizes), requests, programs)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait until a process ends, or until it is time for a sample."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_SAMPLE_SECONDS)
    return process.returncode is not None


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sample(pid: int, now: float, programs: dict[str, Program]) -> float:
    """Look at a process with its descendants; return the sum of their sizes.

    Args:
        pid: Of the process.
        now: Seconds since its start.
        programs: What is known of its programs, which is brought up to date.
    """
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
    return sizes.total() / 1e6


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


def publish(name: str, how: str, tables: str, page: Path | None) -> None:
    """Print what was measured today.

    Args:
        name: Of the place in the page, between the comments `begin NAME` and `end NAME`.
        how: How it was measured, which follows the date.
        tables: In Markdown.
        page: Where to write it as well.
    """
    now = datetime.now(timezone.utc)
    text = (
        f"{now.day} {now:%B %Y}{how}; {machine('tap-omdb', 'singer-sdk', 'psycopg')}.\n\n{tables}"
    )
    print(text)
    if page:
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
