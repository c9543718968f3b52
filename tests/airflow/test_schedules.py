from __future__ import annotations

import json
from typing import Any

import export_schedules
import pytest
import yaml
from movies_pipeline.project import load_pipeline
from movies_pipeline.schedules import Pipeline, steps, task_id


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["tap-omdb target-postgres dbt:run"], ["tap-omdb target-postgres", "dbt:run"]),
        (["tap-a map target-b", "dbt:run dbt:test"], ["tap-a map target-b", "dbt:run", "dbt:test"]),
        (["tap-a target-b tap-c target-d"], ["tap-a target-b", "tap-c target-d"]),
        (["postgres:start tap-a target-b"], ["postgres:start", "tap-a target-b"]),
        ([], []),
    ],
)  # fmt: skip
def test_a_job_is_split_where_a_run_can_be_resumed(tasks: list[str], expected: list[str]) -> None:
    assert [*steps(tasks)] == expected


def test_a_task_id_has_only_letters_digits_and_underscores() -> None:
    assert task_id("tap-omdb target-postgres") == "tap_omdb_target_postgres"
    assert task_id("dbt:run") == "dbt_run"


def pipeline(*, tasks: list[str], commands: list[str]) -> Pipeline:
    job = {"name": "sync", "tasks": tasks}
    schedule = {"name": "daily", "cron_interval": "0 0 * * *", "env": {"A": "1"}, "job": job}
    content = {"default_environment": "demo", "schedules": [schedule], "commands": commands}
    return Pipeline.from_json(json.dumps(content))


def test_tests_and_report_follow_a_job_where_there_are_such_commands() -> None:
    commands = ["dashboard:build", "dbt:run", "dbt:test"]
    (schedule,) = pipeline(tasks=["tap-a target-b dbt:run"], commands=commands).schedules
    assert schedule.steps == ("tap-a target-b", "dbt:run", "dbt:test", "dashboard:build")
    assert (schedule.name, schedule.cron, schedule.env) == ("daily", "0 0 * * *", {"A": "1"})

    without = pipeline(tasks=["tap-a target-b dbt:run"], commands=["dbt:run"])
    assert without.schedules[0].steps == ("tap-a target-b", "dbt:run")
    assert without.after_load() == ("dbt:run",)


def test_what_a_job_does_itself_does_not_follow_it_again() -> None:
    given = pipeline(tasks=["tap-a target-b dbt:test"], commands=["dbt:test"])
    assert given.schedules[0].steps == ("tap-a target-b", "dbt:test")


def test_the_committed_file_is_what_meltano_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert export_schedules.main(check=True) == 0, capsys.readouterr().err
    assert [schedule.name for schedule in load_pipeline().schedules] == ["daily"]


def test_a_change_of_meltano_yml_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project: dict[str, Any] = yaml.safe_load((export_schedules.ROOT / "meltano.yml").read_text())
    project["schedules"][0]["interval"] = "@weekly"
    listed = {"job": [{**project["schedules"][0], "job": project["jobs"][0]}]}
    monkeypatch.setattr(export_schedules, "list_schedules", lambda: listed)
    assert export_schedules.main(check=True) == 1
    assert "schedules.json is out of date: run make docs" in capsys.readouterr().err
