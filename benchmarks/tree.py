"""What a command costs together with all its descendants."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import psutil
from omdb_emulator.client import Control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SAMPLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class TreeCost:
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
    requests: int

    def __str__(self) -> str:
        """Return it in a few words."""
        return (
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, {self.peak_mb:.0f} MB, "
            f"{self.requests:,} requests"
        )


def run_tree(command: Sequence[str], env: Mapping[str, str], url: str) -> TreeCost:
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
    return TreeCost(seconds, usage.ru_utime + usage.ru_stime, max(peak) / 1e6, requests)


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
