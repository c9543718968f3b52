"""The command, and the emulator in the background."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from omdb_emulator.cli import main

Run = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., tuple[int, str]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "a path, with spaces"
    directory.mkdir()
    return directory


@pytest.fixture
def run(directory: Path) -> Iterator[Run]:
    """Run the command in a directory for this test, and stop what it has started."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {n: v for n, v in os.environ.items() if n != "OMDB_EMULATOR_PORT"}
        return subprocess.run(
            [sys.executable, "-m", "omdb_emulator", *arguments],
            cwd=directory,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield run
    run("stop")


@pytest.fixture
def invoke(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run the command in this process; return exit code and output."""
    monkeypatch.chdir(directory)
    monkeypatch.delenv("OMDB_EMULATOR_PORT", raising=False)

    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, result.output

    return invoke


def url_of(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.split()[-1]


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def pid_of(directory: Path) -> int:
    return int(json.loads((directory / ".emulator" / "emulator.lock").read_text())["pid"])


def fetch(url: str) -> Any:  # noqa: ANN401
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
        return json.load(response)


def responds(url: str) -> bool:
    return bool(fetch(f"{url}?apikey=00000000&i=tt1375666")["Title"] == "Inception")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_start_status_stop(run: Run, directory: Path) -> None:
    assert run("status").returncode == 3
    assert not (directory / ".emulator").exists()
    started = run("start", "--port", "0")
    url = url_of(started)
    assert started.stdout == f"The emulator is running at {url}\n"
    assert responds(url)
    status = run("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert f"running at {url} (pid {pid_of(directory)}, " in status.stdout

    again = run("start")
    assert fetch(f"{url}__emulator__/settings")["year_filter"]
    assert (again.returncode, again.stdout) == (0, f"The emulator is already running at {url}\n")
    assert again.stderr == ""
    other = run("start", "--latency-ms", "5")
    assert other.returncode == 0
    assert "It runs with other options; stop it first" in other.stderr

    stopped = run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "The emulator has stopped.\n")
    assert run("status").returncode == 3
    assert run("stop").stdout == "The emulator is not running.\n"
    with pytest.raises(OSError, match="refused"):
        responds(url)


def test_serve_responds_as_soon_as_it_prints_its_url(directory: Path) -> None:
    command = [sys.executable, "-m", "omdb_emulator", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout
            words = serving.stdout.readline().split()
            assert responds(next(word for word in words if word.startswith("http")))
        finally:
            serving.terminate()
    assert serving.returncode == 0


@pytest.mark.parametrize("place", ["environment", "env file", "both"])
def test_a_chosen_port_is_used_and_kept(run: Run, directory: Path, place: str) -> None:
    port, env_file = free_port(), directory / ".env"
    in_file = {"environment": "", "env file": port, "both": free_port()}[place]
    text = f"OMDB_EMULATOR_PORT={in_file}\n" if in_file else ""
    env_file.write_text(text)
    environment = {} if place == "env file" else {"OMDB_EMULATOR_PORT": str(port)}
    result = run("start", "--env-file", ".env", **environment)
    assert url_of(result) == f"http://127.0.0.1:{port}/"
    assert env_file.read_text() == text


def test_taken_port_is_replaced_and_recorded_at_the_first_start(
    run: Run, directory: Path, taken: int
) -> None:
    env_file = directory / ".env"
    env_file.write_text(f"# mine\nOMDB_API_KEY='abc'\nOMDB_EMULATOR_PORT={taken}\n")
    # The preferred port of the package may be free here, or in use by another emulator.
    port = port_of(url_of(run("start", "--env-file", ".env")))
    assert port != taken
    assert responds(f"http://127.0.0.1:{port}/")
    recorded = f"# mine\nOMDB_API_KEY='abc'\nOMDB_EMULATOR_PORT={port}\n"
    assert env_file.read_text() == recorded
    run("stop")
    with socket.create_server(("127.0.0.1", port)):
        again = run("start", "--env-file", ".env")
        assert again.returncode == 1
        assert again.stderr.count("\n") == 1
        assert f"port {port}, saved in .emulator, is in use by another program" in again.stderr
        assert env_file.read_text() == recorded
        moved = run("start", "--port", "0", "--env-file", ".env")
    assert f"OMDB_EMULATOR_PORT={port_of(url_of(moved))}\n" in env_file.read_text()


@pytest.mark.parametrize("command", ["start", "serve"])
def test_requested_port_that_is_taken(invoke: Invoke, taken: int, command: str) -> None:
    code, output = invoke(command, "--port", str(taken))
    assert code == 1
    assert output == (
        f"Error: port {taken} is in use by another program; choose another with --port\n"
    )


def test_simultaneous_starts_start_one_server(run: Run, directory: Path) -> None:
    command = [sys.executable, "-m", "omdb_emulator", "start", "--port", "0"]
    both = [
        subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = sorted(one.communicate(timeout=60)[0] for one in both)
    assert outputs[0].startswith("The emulator is already running at")
    assert outputs[1].startswith("The emulator is running at")
    assert outputs[0].split()[-1] == outputs[1].split()[-1]
    assert run("stop").stdout == "The emulator has stopped.\n"


def test_killed_server_is_not_running_and_starts_again_on_its_port(
    run: Run, directory: Path
) -> None:
    url = url_of(run("start", "--port", "0"))
    assert port_of(url) < 32768, "systems assign such ports to outgoing connections"
    pid = pid_of(directory)
    os.kill(pid, 9)
    time.sleep(0.1)
    assert run("status").returncode == 3
    assert run("stop").stdout == "The emulator is not running.\n"
    assert url_of(run("start")) == url


def test_other_processes_are_never_stopped(run: Run, directory: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (directory / ".emulator").mkdir()
        (directory / ".emulator" / "emulator.lock").write_text(
            json.dumps({"pid": stranger.pid, "url": "http://127.0.0.1:1/", "arguments": []})
        )
        assert run("status").returncode == 3
        assert run("stop").stdout == "The emulator is not running.\n"
        assert run("start", "--port", "0").returncode == 0
        assert run("stop").stdout == "The emulator has stopped.\n"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_serving_options_reach_the_server(run: Run, directory: Path) -> None:
    recorded = directory / "my responses.jsonl"
    recorded.write_text('{"Title": "Mine", "imdbID": "tt0000001", "Response": "True"}\n')
    options = ["--recorded", recorded.name, "--key", "abc:1", "--log-requests", "--cache"]
    options += ["--ratings-change-from", "2026-01-31", "--ratings-lag-days", "3", "--ignore-year"]
    url = url_of(run("start", "--port", "0", *options))
    assert fetch(f"{url}?apikey=abc&i=tt0000001")["Title"] == "Mine"
    assert len(fetch(f"{url}__emulator__/requests")) == 1
    assert fetch(f"{url}__emulator__/keys") == {"abc": {"limit": 1, "used_today": 1}}
    settings = fetch(f"{url}__emulator__/settings")
    assert (settings["ratings_change_from"], settings["ratings_lag_days"]) == ("2026-01-31", 3)
    assert (settings["cache"], settings["year_filter"]) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recorded", "nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["--catalogue", "broken.jsonl"], "broken.jsonl:2: not JSON"),
        (["--key", ":5"], "':5' is not KEY or KEY:LIMIT"),
        (["--generated", "5000000"], "between 0 and 1000000 titles can be generated"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:"),
        (["--ratings-change-from", "tomorrow"], "at `$.ratings_change_from`"),
    ],
)
def test_failure_is_one_line(
    invoke: Invoke, directory: Path, arguments: list[str], message: str
) -> None:
    (directory / "broken.jsonl").write_text('{"imdbID": "tt0000001", "Title": "x"}\n{\n')
    code, output = invoke("serve", "--port", "0", *arguments)
    assert code == 1
    assert output.startswith("Error: ")
    assert message in output
    assert output.count("\n") == 1


def test_failure_of_the_server_is_that_of_start(invoke: Invoke) -> None:
    code, output = invoke("start", "--port", "0", "--recorded", "nowhere.jsonl")
    assert code == 1
    assert output.startswith("Error: the emulator did not start: ")
    assert output.endswith(
        "nowhere.jsonl: No such file or directory (log: .emulator/emulator.log)\n"
    )
    assert invoke("status")[0] == 3


@pytest.mark.parametrize("port", ["http", "70000"])
def test_wrong_ports(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    assert "Error: Invalid value for '--port': " in invoke("start", f"--port={port}")[1]
    monkeypatch.setenv("OMDB_EMULATOR_PORT", port)
    for command in ("start", "serve"):
        code, output = invoke(command)
        assert code == 1
        assert output == f"Error: OMDB_EMULATOR_PORT must be a port number, not {port!r}\n"


def test_unusable_data_directory(invoke: Invoke, directory: Path) -> None:
    (directory / "file").write_text("")
    code, output = invoke("start", "--data-dir", "file/data")
    assert code == 1
    assert output.startswith("Error: cannot use the data directory file/data: ")
    assert output.count("\n") == 1
