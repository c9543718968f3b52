"""`scripts/alert.py` against a local receiver."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import alert
import pytest

from tests.operations.conftest import HOOK_PATH, Receiver

KEY = "1badc0de"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the script in a folder without `.env`; returns the exit code and what it printed."""
    monkeypatch.setattr(alert, "ENV_FILE", tmp_path / ".env")

    def run_(*arguments: str, **variables: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["alert", *arguments])
        monkeypatch.delenv("ALERT_WEBHOOK_URL", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = alert.main()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_


def test_an_alert_is_posted_without_secrets(run: Run, receiver: Receiver, tmp_path: Path) -> None:
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

    assert done == (0, "")
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


def test_the_url_comes_from_the_env_file(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ALERT_WEBHOOK_URL='{receiver.url}'\n")
    assert run("hello") == (0, "")
    assert [request["body"] for request in receiver.received] == [{"text": "hello"}]

    (tmp_path / ".env").unlink()
    said = "alert: ALERT_WEBHOOK_URL is not set: set it in .env or in the environment\n"
    assert run("hello") == (2, said)


def test_of_a_long_log_the_end_is_sent(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    log = tmp_path / "meltano.log"
    log.write_text("é" * 1_000_000 + "\nthe cause")
    assert run("--log", str(log), "It failed.", ALERT_WEBHOOK_URL=receiver.url)[0] == 0
    text = receiver.received[0]["body"]["text"]
    assert text.startswith("It failed.\né")
    assert text.endswith("é\nthe cause")
    assert len(text) == alert.MOST_CHARACTERS + len("\n")

    assert run("é" * 20_000, "--log", str(log), ALERT_WEBHOOK_URL=receiver.url)[0] == 0
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
    run: Run, receiver: Receiver, tmp_path: Path, log: list[str], cause: str
) -> None:
    path = tmp_path / "daily.log"
    path.write_text("\n".join(log))
    assert run("--log", str(path), "It failed.", ALERT_WEBHOOK_URL=receiver.url)[0] == 0
    text = receiver.received[0]["body"]["text"]
    assert text.splitlines()[:2] == ["It failed.", cause]
    assert "│" not in text


def test_a_log_that_is_missing_does_not_stop_the_alert(run: Run, receiver: Receiver) -> None:
    assert run("--log", "missing.log", "text", ALERT_WEBHOOK_URL=receiver.url)[0] == 0
    assert "missing.log cannot be read: No such file" in receiver.received[0]["body"]["text"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_rejected_alert_is_one_line(run: Run, receiver: Receiver, status: int) -> None:
    receiver.status = status
    said = f"alert: not sent: the webhook responded with HTTP status {status}; "
    assert run("text", ALERT_WEBHOOK_URL=receiver.url) == (1, f"{said}check ALERT_WEBHOOK_URL\n")
    assert len(receiver.received) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/hook-secret", "hook-secret", "http://[hook-secret", "file:///hook-secret"],
)
def test_an_unusable_url_is_one_line_without_it(run: Run, url: str) -> None:
    code, said = run("text", ALERT_WEBHOOK_URL=url)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("alert: not sent: ")
    assert "ALERT_WEBHOOK_URL" in said
    assert "hook-secret" not in said


def test_a_slow_receiver_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.delay_s = 0.2
    monkeypatch.setattr(alert, "DEADLINE_S", 1)
    started = time.monotonic()
    with pytest.raises(alert.AlertError, match="cannot be reached"):
        alert.send(receiver.url, "text")
    assert time.monotonic() - started < 5
