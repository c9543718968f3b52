"""What the image contains is enough for a run, and its command runs the pipeline daily."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.operations.conftest import CHECKOUT, variables
from tests.pipeline.conftest import copy_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.operations.conftest import Deployment, Receiver
    from tests.pipeline.conftest import Project


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What `COPY` copies, as `make install` leaves it."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return copy_project(tmp_path_factory.mktemp("image") / "movies", kept)


def start(image: Project, **environment: str) -> subprocess.Popen[str]:
    """Run the command of the image."""
    return subprocess.Popen(
        [image.root / "scripts/daily.sh"],
        cwd="/",
        env={
            "PATH": os.defpath,
            "MELTANO_ENVIRONMENT": "prod",
            "MELTANO_AUTO_INSTALL": "false",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    output = ""
    assert process.stdout
    for line in process.stdout:
        output += line
        if text in line:
            return output
    pytest.fail(output)


def test_the_files_of_the_image_can_be_installed(image: Project, tmp_path: Path) -> None:
    (image.root / ".env").unlink()
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"],  # noqa: S607
        cwd=image.root,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert planned.returncode == 0, planned.stderr
    assert "requirements/meltano.txt" in planned.stdout
    assert "install --clean" in planned.stdout
    assert {path.name for path in image.root.iterdir()}.isdisjoint({".git", "tests", ".env"})


def test_the_command_runs_the_pipeline_and_waits(
    image: Project, deployment: Deployment, receiver: Receiver
) -> None:
    process = start(image, **variables(deployment), ALERT_WEBHOOK_URL=receiver.url)
    with process:
        output = read_until(process, "The next run begins at")
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    assert process.returncode == 0
    assert "Healthy." in output
    assert "T01:30+00:00." in output
    assert receiver.received == []


def test_a_failed_run_is_an_alert(image: Project, receiver: Receiver) -> None:
    process = start(
        image,
        ALERT_WEBHOOK_URL=receiver.url,
        TAP_OMDB_API_KEY="1badc0de",
        PGHOST="127.0.0.1",
        PGPORT="1",
        DAILY_AT="05:00",
    )
    with process:
        output = read_until(process, "The next run begins at")
        process.terminate()
    assert "T05:00+00:00." in output
    assert "Postgres does not accept connections" in output
    (request,) = receiver.received
    assert request["body"]["text"].endswith(": The daily run failed.")


def test_a_wrong_time_is_one_line(image: Project) -> None:
    with start(image, DAILY_AT="noon-ish") as process:
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 2
    assert output.splitlines()[-1] == "DAILY_AT is not a time such as 01:30"
