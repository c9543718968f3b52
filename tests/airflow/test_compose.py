"""What compose.yaml says of Airflow, checked against the Airflow that the image contains."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.airflow.conftest import AIRFLOW
from tests.pipeline.conftest import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "AIRFLOW__"
READ_OPTIONS = """
import json, sys
from airflow.configuration import conf
names = json.load(sys.stdin)
print(json.dumps({
    f"{section}.{key}": [conf.has_option(section, key), conf.get(section, key, fallback=None)]
    for section, key in names
}))
"""
PARSE_COMMANDS = """
import json, sys
from airflow.cli.cli_parser import get_parser
for arguments in json.load(sys.stdin):
    get_parser().parse_args(arguments)
"""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the profile that run Airflow."""
    text = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)["services"]
    return {name: one for name, one in found.items() if one.get("image") == "movies-airflow"}


def in_airflow(script: str, given: object, home: Path, **env: str) -> str:
    """Run a script in Airflow's environment, with an object as its input."""
    finished = subprocess.run(
        [AIRFLOW / "bin/python", "-W", "ignore", "-c", script],
        env={"PATH": os.defpath, "AIRFLOW_HOME": str(home), **env},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_airflow_has_all_options_that_are_set(
    services: dict[str, Any], airflow_python: Path, tmp_path: Path
) -> None:
    assert airflow_python.exists()
    env = {
        name: value
        for service in services.values()
        for name, value in service["environment"].items()
        if name.startswith(PREFIX)
    }
    names = [name.removeprefix(PREFIX).lower().split("__") for name in env]
    printed = in_airflow(READ_OPTIONS, names, tmp_path, **env)
    options = json.loads(printed.splitlines()[-1])
    assert len(options) == len(env) >= 5
    for (section, key), value in zip(names, env.values(), strict=True):
        assert options[f"{section}.{key}"] == [True, value]


def test_airflow_has_all_commands_that_are_run(
    services: dict[str, Any], airflow_python: Path, tmp_path: Path
) -> None:
    assert airflow_python.exists()
    commands = [one["command"] for one in services.values() if "entrypoint" not in one]
    assert len(commands) == 4
    in_airflow(PARSE_COMMANDS, commands, tmp_path, AIRFLOW__CORE__EXECUTOR="CeleryExecutor")


def test_all_of_it_is_in_a_profile_and_listens_on_loopback_alone(services: dict[str, Any]) -> None:
    text = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    for name, service in yaml.safe_load(text)["services"].items():
        assert (service.get("profiles") == ["airflow"]) == (name not in {"postgres", "pipeline"})
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert services["airflow-worker"]["deploy"]["replicas"] == 2


def test_without_one_of_the_keys_it_does_not_start(services: dict[str, Any]) -> None:
    init = services["airflow-init"]
    checks = init["command"][0].replace("$$", "$").partition(".airflow/venv")[0]
    keys = {
        "VALKEY_PASSWORD",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
    }
    for missing in (None, *sorted(keys)):
        finished = subprocess.run(
            [*init["entrypoint"], checks],
            env={"PATH": os.defpath, **dict.fromkeys(keys - {missing}, "given")},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        assert (finished.returncode == 0) == (missing is None)
        assert missing is None or f"{missing}: set it in .env" in finished.stderr
