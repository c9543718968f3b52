"""What compose.yaml says of Airflow, checked against the Airflow that the image contains."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.conftest import CHECKOUT

PREFIX = "AIRFLOW__"
CHECK = """
import json, sys
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
options, commands = json.load(sys.stdin)
for arguments in commands:
    get_parser().parse_args(arguments)
found = {"__".join(o): conf.has_option(*o) and conf.get(*o) for o in options}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the profile that run Airflow."""
    text = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)["services"]
    return {name: one for name, one in found.items() if one.get("image") == "movies-airflow"}


def test_airflow_has_all_options_and_commands(
    services: dict[str, Any], airflow_python: Path, tmp_path: Path
) -> None:
    env = {
        name: value
        for service in services.values()
        for name, value in service["environment"].items()
        if name.startswith(PREFIX)
    }
    names = {name: name.removeprefix(PREFIX).lower() for name in env}
    commands = [one["command"] for one in services.values() if "entrypoint" not in one]
    assert (len(env) >= 5, len(commands)) == (True, 4)
    checked = subprocess.run(
        [airflow_python, "-W", "ignore", "-c", CHECK],
        env={"PATH": os.defpath, "AIRFLOW_HOME": str(tmp_path), **env},
        input=json.dumps([[name.split("__") for name in names.values()], commands]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout.splitlines()[-1])
    assert found == {names[name]: value for name, value in env.items()}


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
