from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from movies_pipeline.alerts import describe, post_alert

if TYPE_CHECKING:
    import pytest

    from tests.operations.conftest import Receiver


def context(map_index: int = -1) -> dict[str, Any]:
    """What Airflow passes to a callback, as far as it is used."""
    task = {"dag_id": "movies_daily", "task_id": "dbt_run", "run_id": "scheduled__1"}
    return {"task_instance": SimpleNamespace(**task, map_index=map_index)}


def test_an_alert_names_the_task_and_the_shard() -> None:
    assert describe(context()) == "movies_daily: dbt_run failed (run scheduled__1)"
    assert describe(context(3)) == "movies_daily: dbt_run[3] failed (run scheduled__1)"


def test_it_is_posted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    post_alert(context())
    (alert,) = receiver.received
    assert alert["body"] == {"text": "movies_daily: dbt_run failed (run scheduled__1)"}
    assert caplog.records == []


def test_without_a_webhook_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "")
    post_alert(context())
    assert caplog.records == []


def test_a_webhook_that_refuses_is_logged_without_its_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        post_alert(context())
    assert "HTTP status 500" in caplog.text
    assert receiver.url not in caplog.text
