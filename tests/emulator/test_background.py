"""The command, and the emulator in the background."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from omdb_emulator.__main__ import main
from omdb_emulator.client import Control

from tests.emulator.conftest import fetch

Run = Callable[..., Result]
COMMAND = [sys.executable, "-m", "omdb_emulator"]


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command in a directory for this test, and stop what it has started."""
    directory = tmp_path / "a path, with spaces"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.delenv("OMDB_EMULATOR_PORT", raising=False)

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment)

    yield run
    run("stop")


def url_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.split()[-1]


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def serves(url: str) -> bool:
    return bool(Control(url).health()["titles"] > 900)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_start_status_stop(run: Run) -> None:
    assert run("status").exit_code == 3
    assert not Path(".emulator").exists()
    started = run("start", "--port", "0")
    url = url_of(started)
    assert started.output == f"The emulator is running at {url}\n"
    assert serves(url)
    status = run("status")
    assert (status.exit_code, status.stderr) == (0, "")
    assert f"running at {url} (pid {Control(url).health()['pid']}, " in status.stdout

    again = run("start")
    assert (again.exit_code, again.output) == (0, f"The emulator is already running at {url}\n")
    other = run("start", "--latency-ms", "5")
    assert other.exit_code == 0
    assert "It runs with other options; stop it first" in other.stderr

    stopped = run("stop")
    assert (stopped.exit_code, stopped.stdout) == (0, "The emulator has stopped.\n")
    assert run("status").exit_code == 3
    assert run("stop").stdout == "The emulator is not running.\n"
    with pytest.raises(OSError, match="refused"):
        serves(url)


def test_serve_responds_as_soon_as_it_prints_its_url() -> None:
    command = [*COMMAND, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout
            words = serving.stdout.readline().split()
            assert serves(next(word for word in words if word.startswith("http")))
        finally:
            serving.terminate()
    assert serving.returncode == 0


@pytest.mark.parametrize("place", ["environment", "env file", "both"])
def test_a_chosen_port_is_used_and_kept(run: Run, place: str) -> None:
    port, env_file = free_port(), Path(".env")
    in_file = {"environment": "", "env file": port, "both": free_port()}[place]
    text = f"OMDB_EMULATOR_PORT={in_file}\n" if in_file else ""
    env_file.write_text(text)
    environment = {} if place == "env file" else {"OMDB_EMULATOR_PORT": str(port)}
    result = run("start", "--env-file", ".env", **environment)
    assert url_of(result) == f"http://127.0.0.1:{port}/"
    assert env_file.read_text() == text


def test_taken_port_is_replaced_and_recorded_at_the_first_start(run: Run, taken: int) -> None:
    env_file = Path(".env")
    env_file.write_text(f"# mine\nOMDB_API_KEY='abc'\nOMDB_EMULATOR_PORT={taken}\n")
    # The preferred port of the package may be free here, or in use by another emulator.
    port = port_of(url_of(run("start", "--env-file", ".env")))
    assert port != taken
    assert serves(f"http://127.0.0.1:{port}/")
    recorded = f"# mine\nOMDB_API_KEY='abc'\nOMDB_EMULATOR_PORT={port}\n"
    assert env_file.read_text() == recorded
    run("stop")
    with socket.create_server(("127.0.0.1", port)):
        again = run("start", "--env-file", ".env")
        assert again.exit_code == 1
        assert again.output.count("\n") == 1
        assert f"port {port}, saved in .emulator, is in use by another program" in again.stderr
        assert env_file.read_text() == recorded
        moved = run("start", "--port", "0", "--env-file", ".env")
    assert f"OMDB_EMULATOR_PORT={port_of(url_of(moved))}\n" in env_file.read_text()


def test_simultaneous_starts_start_one_server(run: Run) -> None:
    command = [*COMMAND, "start", "--port", "0"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = sorted(one.communicate(timeout=60)[0] for one in both)
    assert outputs[0].startswith("The emulator is already running at")
    assert outputs[1].startswith("The emulator is running at")
    assert outputs[0].split()[-1] == outputs[1].split()[-1]
    assert run("stop").stdout == "The emulator has stopped.\n"


def test_killed_server_is_not_running_and_starts_again_on_its_port(run: Run) -> None:
    url = url_of(run("start", "--port", "0"))
    assert port_of(url) < 32768, "systems assign such ports to outgoing connections"
    os.kill(Control(url).health()["pid"], 9)
    time.sleep(0.1)
    assert run("status").exit_code == 3
    assert run("stop").stdout == "The emulator is not running.\n"
    assert url_of(run("start")) == url


def test_other_processes_are_never_stopped(run: Run) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        Path(".emulator").mkdir()
        Path(".emulator/emulator.lock").write_text(
            json.dumps({"pid": stranger.pid, "url": "http://127.0.0.1:1/", "arguments": []})
        )
        assert run("status").exit_code == 3
        assert run("stop").stdout == "The emulator is not running.\n"
        assert run("start", "--port", "0").exit_code == 0
        assert run("stop").stdout == "The emulator has stopped.\n"
        assert stranger.poll() is None
        stranger.kill()


def test_serving_options_reach_the_server(run: Run) -> None:
    recorded = Path("my responses.jsonl")
    recorded.write_text('{"Title": "Mine", "imdbID": "tt0000001", "Response": "True"}\n')
    options = ["--recorded", recorded.name, "--key", "abc:1", "--log-requests"]
    options += ["--ratings-change-from", "2026-01-31", "--ratings-lag-days", "3", "--ignore-year"]
    emulator = Control(url_of(run("start", "--port", "0", *options)))
    assert fetch(emulator, apikey="abc", i="tt0000001").json["Title"] == "Mine"
    assert len(emulator.requests()) == 1
    assert emulator.keys() == {"abc": {"limit": 1, "used_today": 1}}
    settings = emulator.settings()
    assert (settings["ratings_change_from"], settings["ratings_lag_days"]) == ("2026-01-31", 3)
    assert settings["year_filter"] is False


IN_USE = "port {taken} is in use by another program; choose another with --port\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("serve --recorded nowhere.jsonl", "nowhere.jsonl: No such file or directory\n"),
        ("serve --catalogue broken.jsonl", "broken.jsonl:2: not JSON"),
        ("serve --key :5", "':5' is not KEY or KEY:LIMIT"),
        ("serve --generated 5000000", "between 0 and 1000000 titles can be generated"),
        ("serve --host 192.0.2.1", "cannot listen on 192.0.2.1:"),
        ("serve --ratings-change-from tomorrow", "at `$.ratings_change_from`"),
        *(("serve --port {taken}", IN_USE), ("start --port {taken}", IN_USE)),
        ("start --recorded nowhere.jsonl", "nowhere.jsonl: No such file or directory (log: "),
        ("start --recorded nowhere.jsonl", "Error: the emulator did not start: "),
        ("start --data-dir broken.jsonl/x", "cannot use the data directory broken.jsonl/x: "),
        ("imdb-files --directory broken.jsonl", "broken.jsonl: File exists\n"),
        ("imdb-files --directory . --ratings-change-from x", "at `$.ratings_change_from`"),
    ],
)
def test_failure_is_one_line(run: Run, taken: int, command: str, message: str) -> None:
    Path("broken.jsonl").write_text('{"imdbID": "tt0000001", "Title": "x"}\n{\n')
    arguments = command.format(taken=taken).split()
    result = run(*arguments, OMDB_EMULATOR_PORT=str(free_port()))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert message.format(taken=taken) in result.output
    assert result.output.count("\n") == 1
    assert run("status").exit_code == 3


@pytest.mark.parametrize("command", ["start", "serve"])
@pytest.mark.parametrize("port", ["http", "70000"])
def test_wrong_ports(run: Run, command: str, port: str) -> None:
    result = run(command, OMDB_EMULATOR_PORT=port)
    assert result.exit_code == 1
    assert result.output == f"Error: OMDB_EMULATOR_PORT must be a port number, not {port!r}\n"
