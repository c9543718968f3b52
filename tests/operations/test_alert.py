"""`scripts/alert.py` against a local receiver."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import alert
import pytest

from tests.operations.conftest import HOOK_PATH

if TYPE_CHECKING:
    from tests.operations.conftest import Receiver

CHECKOUT = Path(__file__).resolve().parents[2]
KEY = "1badc0de"


def run(
    *arguments: str, script: Path = CHECKOUT / "scripts/alert.py", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script, *arguments],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_alert_is_posted_without_secrets(receiver: Receiver, tmp_path: Path) -> None:
    log = tmp_path / "meltano.log"
    lines = [
        *(f"line {number}" for number in range(100)),
        f"GET https://omdb.test/?i=tt1375666&apikey={KEY}&r=json failed",
        "the key CAFE1234 and the password s3cret-pw",
        "postgresql://omdb:other-pw@db.test/omdb, run 1badc0de-0000-4000-8000-000000000000",
        f"posted to {receiver.url}",
    ]
    log.write_text("\n".join(lines))

    done = run(
        "--log",
        str(log),
        "The daily run failed.",
        ALERT_WEBHOOK_URL=receiver.url,
        TAP_OMDB_API_KEY=KEY,
        PGPASSWORD="s3cret-pw",
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (request,) = receiver.received
    assert request["path"] == f"/{HOOK_PATH}"
    assert request["type"] == "application/json"
    text = request["body"]["text"]
    assert text.splitlines()[0] == "The daily run failed."
    assert len(text.splitlines()) == 1 + alert.LOG_LINES
    assert "apikey=***&r=json failed" in text
    assert "postgresql://omdb:***@db.test/omdb" in text
    for secret in (KEY, "CAFE1234", "s3cret-pw", "other-pw", "hook-secret"):
        assert secret not in text


def test_the_url_comes_from_the_env_file(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/alert.py"
    shutil.copy(CHECKOUT / "scripts/alert.py", script)
    (tmp_path / ".env").write_text(f"ALERT_WEBHOOK_URL='{receiver.url}'\n")
    assert run("hello", script=script).returncode == 0
    assert [request["body"] for request in receiver.received] == [{"text": "hello"}]

    (tmp_path / ".env").unlink()
    done = run("hello", script=script)
    assert done.returncode == 2
    assert done.stderr == (
        "alert: ALERT_WEBHOOK_URL is not set: set it in .env or in the environment\n"
    )


def test_of_a_long_log_the_end_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    log = tmp_path / "meltano.log"
    log.write_text("é" * 1_000_000 + "\nthe cause")
    assert run("--log", str(log), "It failed.", ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    text = receiver.received[0]["body"]["text"]
    assert text.startswith("It failed.\né")
    assert text.endswith("é\nthe cause")
    assert len(text) == alert.MOST_CHARACTERS + len("\n")

    assert run("é" * 20_000, "--log", str(log), ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    assert receiver.received[1]["body"]["text"] == "é" * alert.MOST_CHARACTERS


STAMP = "2026-11-28T08:49:25.955475Z"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (
            [
                f"{STAMP} [error    ] target-postgres (psycopg.OperationalError) refused",
                f"{STAMP} [error    ] meltano",
                *["╭───── Traceback ─────╮", "│ a frame │"] * 40,
                "BrokenPipeError",
            ],
            "target-postgres: (psycopg.OperationalError) refused",
        ),
        (
            [
                f"{STAMP} [error    ] meltano      Unterminated string starting at: line 1",
                f"{STAMP} [error    ] meltano      Cannot start plugin tap-omdb",
            ],
            "meltano: Unterminated string starting at: line 1: "
            + alert.REMEDIES["Unterminated string"],
        ),
        (
            [f"{STAMP} [error    ] meltano      Failed: file is not a database"],
            "meltano: Failed: file is not a database: " + alert.REMEDIES["file is not a database"],
        ),
        (
            [
                f"{STAMP} [info     ] dbt          dbt build failed: movies",
                f"{STAMP} [error    ] meltano      Block run completed",
                f"{STAMP} [info     ] meltano      Run completed",
            ],
            "dbt: dbt build failed: movies",
        ),
        (["PROBLEM: The last sync failed"], "PROBLEM: The last sync failed"),
    ],
)
def test_the_cause_comes_first(
    receiver: Receiver, tmp_path: Path, log: list[str], cause: str
) -> None:
    path = tmp_path / "daily.log"
    path.write_text("\n".join(log))
    assert run("--log", str(path), "It failed.", ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    text = receiver.received[0]["body"]["text"]
    assert text.splitlines()[:2] == ["It failed.", cause]
    assert "│" not in text


def test_a_log_that_is_missing_does_not_stop_the_alert(receiver: Receiver) -> None:
    assert run("--log", "missing.log", "text", ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    assert "missing.log cannot be read: No such file" in receiver.received[0]["body"]["text"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_rejected_alert_is_one_line(receiver: Receiver, status: int) -> None:
    receiver.status = status
    done = run("text", ALERT_WEBHOOK_URL=receiver.url)
    assert done.returncode == 1
    assert done.stderr == (
        f"alert: not sent: the webhook responded with HTTP status {status}; "
        "check ALERT_WEBHOOK_URL\n"
    )
    assert len(receiver.received) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/hook-secret", "hook-secret", "http://[hook-secret", "file:///hook-secret"],
)
def test_an_unusable_url_is_one_line_without_it(url: str) -> None:
    done = run("text", ALERT_WEBHOOK_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("alert: not sent: ")
    assert "ALERT_WEBHOOK_URL" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hook-secret" not in done.stderr


def test_a_slow_receiver_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.delay_s = 0.2
    monkeypatch.setattr(alert, "DEADLINE_S", 1)
    started = time.monotonic()
    with pytest.raises(alert.AlertError, match="cannot be reached"):
        alert.send(receiver.url, "text")
    assert time.monotonic() - started < 5
