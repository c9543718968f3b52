# ruff: noqa: T201  # what it prints is its purpose
"""Post an alert to ALERT_WEBHOOK_URL: `.venv/bin/python scripts/alert.py [--log FILE] TEXT`.

It sends the JSON object `{"text": ...}`, which Slack, Mattermost, Teams' and most other incoming
webhooks accept. The variable comes from the environment or from `.env`. API keys, passwords and
the URL itself are masked in the text; the URL is never printed, since whoever knows it can post.

Exit codes: 0 sent, 1 not sent, 2 wrong usage or no URL.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import requests
from dotenv import dotenv_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
URL = "ALERT_WEBHOOK_URL"
SECRETS = (URL, "TAP_OMDB_API_KEY", "PGPASSWORD", "MELTANO_DATABASE_URI")
"""Variables whose values are masked wherever they appear."""

TIMEOUT_S = 10
"""For the connection and each part of the response."""
DEADLINE_S = 30
"""For everything."""
MOST_CHARACTERS = 3000
"""Slack truncates longer texts at a place of its choice."""
MOST_CHARACTERS_OF_CAUSE = 1000
LOG_LINES = 20
REMEDIES = {
    "file is not a database": "restore or delete .meltano/meltano.db, and set the state",
    "disk image is malformed": "restore or delete .meltano/meltano.db, and set the state",
    "disk is full": "free some space",
    "disk I/O error": "free some space, or check the disk of .meltano/meltano.db",
    "No space left": "free some space",
    "Failed to retrieve state": "set the state from a backup, or clear it",
    "Unterminated string": "set the state from a backup, or clear it",
    "already running": "wait, or add --force if you are sure that no run is left",
}
"""What to do about errors that do not say so themselves; docs/operations.md says more."""
_MASK = "***"
_LINE = re.compile(r"\S+ \[(\w+) *\] (\S+) +(\S.*)")
_BLOCK_FAILED = ["meltano", "Block run completed"]
_NOISE = ("│", "╭", "╰", "\n", "Traceback")
_PATTERNS = (
    (re.compile(r"(apikey=)[^&\s'\"<>)\\]+", re.IGNORECASE), rf"\1{_MASK}"),
    (re.compile(r"(://[^:/@\s]*:)[^@\s]+@"), rf"\1{_MASK}@"),  # a password in a URL
    (re.compile(r"(?<![\w-])[0-9a-fA-F]{8}(?![\w-])"), _MASK),  # an OMDb key, but no part of a UUID
)


class AlertError(Exception):
    """The alert was not sent; the message gives the reason in one line, without the URL."""


def main() -> int:
    """Send the alert and return the exit code."""
    parser = argparse.ArgumentParser(prog="alert", description="Post an alert to a webhook.")
    parser.add_argument("text", help="what has happened")
    parser.add_argument("--log", type=Path, help="a file whose last lines are sent as well")
    arguments = parser.parse_args()
    variables = {**dotenv_values(ENV_FILE), **os.environ}
    url = variables.get(URL)
    if not url:
        print(f"alert: {URL} is not set: set it in .env or in the environment", file=sys.stderr)
        return 2
    secrets = [variables.get(name) for name in SECRETS]
    lines = [] if arguments.log is None else read_log(arguments.log)
    text = redact("\n".join([arguments.text, *cause(lines)]), secrets)[:MOST_CHARACTERS]
    log = redact("".join(lines[-LOG_LINES:]), secrets)
    # The end of a log is what matters.
    tail = log[max(0, len(log) + len(text) - MOST_CHARACTERS) :]
    try:
        send(url, f"{text}\n{tail}".rstrip())
    except AlertError as error:
        print(f"alert: not sent: {error}", file=sys.stderr)
        return 1
    return 0


def send(url: str, text: str) -> None:
    """Post a text.

    Args:
        url: The webhook.
        text: The text, without secrets.

    Raises:
        AlertError: The webhook did not accept it within `DEADLINE_S` seconds.
    """
    signal.signal(signal.SIGALRM, _raise_timeout)
    signal.alarm(DEADLINE_S)
    try:
        # Without redirects, since POST would become GET; the body, of any size, is not read.
        with requests.post(
            url, json={"text": text}, timeout=TIMEOUT_S, allow_redirects=False, stream=True
        ) as response:
            status = response.status_code
    except (requests.RequestException, TimeoutError, ValueError) as error:
        # Their texts contain the URL.
        message = f"the webhook cannot be reached ({type(error).__name__}); check {URL}"
        raise AlertError(message) from None
    finally:
        signal.alarm(0)
    if not requests.codes.ok <= status < requests.codes.multiple_choices:
        message = f"the webhook responded with HTTP status {status}; check {URL}"
        raise AlertError(message)


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Return a text with keys, passwords in URLs and the given secrets masked."""
    for secret in filter(None, secrets):
        text = text.replace(secret, _MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def read_log(log: Path) -> list[str]:
    """Return the lines of a log, without the frames of tracebacks, or why there are none."""
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            return [line for line in lines if not line.startswith(_NOISE)]
    except OSError as error:
        return [f"({log} cannot be read: {error.strerror})"]


def cause(log: Sequence[str]) -> list[str]:
    """Return what ended a run of Meltano, and the remedy: one line, none if it is not known.

    It is the last error of a plugin; if there is none, what Meltano or a traceback says that has a
    remedy, or Meltano's first error. If that is no more than that a block has failed, it is what a
    plugin said last: commands log without levels.
    """
    lines = [match.groups() for match in map(_LINE.match, log) if match]
    errors = [said for level, *said in lines if level in ("error", "critical")]
    if errors[:1] == [_BLOCK_FAILED]:
        errors = [said for _, *said in lines]
    of_plugins = [error for error in errors if error[0] != "meltano"]
    known = [
        ["meltano", line.rpartition("] meltano")[2].strip()]
        for line in log
        if errors and any(text in line for text in REMEDIES)
    ]
    for name, message in of_plugins[-1:] or known[:1] or errors[:1]:
        remedies = [f": {remedy}" for text, remedy in REMEDIES.items() if text in message]
        return [f"{name}: {message[:MOST_CHARACTERS_OF_CAUSE]}{''.join(remedies[:1])}"]
    return []


def _raise_timeout(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
