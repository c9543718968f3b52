"""What a command costs, and the server that it is run against."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from omdb_emulator.catalogue.generator import GeneratedTitles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

API_KEY = "00000000"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of the processor, in the command and in the system for it.
        peak_mb: Its largest resident memory, in millions of bytes; at least that of this process.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float

    def __str__(self) -> str:
        """Return it in a few words."""
        return f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, {self.peak_mb:.0f} MB"


def run(
    command: Sequence[str],
    *,
    stdout: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=stdout, env={**os.environ, **(env or {})})
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


@contextmanager
def emulator(titles: int, latency_ms: int = 0) -> Iterator[str]:
    """Serve so many generated titles from a process of its own; yield the URL.

    Without any, its built-in catalogue.
    """
    options = {
        "--port": "0",
        "--key": f"{API_KEY}:100000000",
        "--generated": str(titles),
        "--latency-ms": str(latency_ms),
    }
    command = [sys.executable, "-m", "omdb_emulator", "serve"]
    for pair in options.items():
        command += pair
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        # Its first line is a sentence with the URL in it.
        words = process.stdout.readline().split() if process.stdout else []
        yield next(word for word in words if word.startswith("http"))
    finally:
        process.terminate()
        process.communicate()


def settings(url: str, ids: Path, in_flight: int = 16) -> dict[str, Any]:
    """Return the tap's settings for fetching all titles of a file."""
    return {
        "api_key": API_KEY,
        "api_url": url,
        "titles_file": str(ids),
        "daily_requests": 100_000_000,
        "concurrency": in_flight,
    }


def run_tap(
    url: str, ids: Path, in_flight: int = 16, cache: Path | None = None, state: Path | None = None
) -> Cost:
    """Run the tap, its messages into the file of `messages`.

    Args:
        url: Of the server.
        ids: A file of ids.
        in_flight: Requests at once.
        cache: Directory for cached responses, emptied before; None caches nothing.
        state: What to start from.
    """
    config = settings(url, ids, in_flight)
    if cache:
        shutil.rmtree(cache, ignore_errors=True)
        config["cache_dir"] = str(cache)
    file = ids.with_suffix(".config.json")
    file.write_text(json.dumps(config))
    command = [str(Path(sys.executable).with_name("tap-omdb")), "--config", str(file)]
    if state:
        command += ["--state", str(state)]
    with messages(ids).open("wb") as out:
        return run(command, stdout=out, env={"TAP_OMDB_LOGLEVEL": "WARNING"})


def messages(ids: Path) -> Path:
    """Return the file with the messages of the tap's last run over these ids."""
    return ids.with_suffix(".singer.jsonl")


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
