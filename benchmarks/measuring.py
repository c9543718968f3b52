"""What a command costs, and the server that it is run against."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import psutil
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.client import Control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

API_KEY = "00000000"
_SAMPLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command with all its descendants took; not Postgres and the emulator.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of the processor.
        peak_mb: The largest sum of their proportional set sizes, in millions of bytes.
        requests: Requests that the emulator counted.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    requests: int = 0

    def __str__(self) -> str:
        """Return it in a few words."""
        return (
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, {self.peak_mb:.0f} MB, "
            f"{self.requests:,} requests"
        )


def run(command: Sequence[str], env: Mapping[str, str], url: str) -> Cost:
    """Run a command to its end, and count its requests to the emulator at a URL.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    control = Control(url)
    before = int(control.stats()["requests"])
    started = time.monotonic()
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=log
        )
        with _peak_memory(process.pid) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise subprocess.CalledProcessError(process.returncode, command)
    requests = int(control.stats()["requests"]) - before
    return Cost(seconds, usage.ru_utime + usage.ru_stime, max(peak) / 1e6, requests)


@contextmanager
def _peak_memory(pid: int) -> Iterator[list[int]]:
    """Yield a list to which the size of a process with its descendants is added now and then."""
    sizes, ended = [0], threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            with suppress(psutil.Error):
                root = psutil.Process(pid)
                sizes.append(sum(map(_pss, [root, *root.children(recursive=True)])))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield sizes
    finally:
        ended.set()
        thread.join()


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError):  # it has ended
        return 0


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
