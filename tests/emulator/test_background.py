from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from omdb_emulator.server.ports import PREFERRED_PORT, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


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
    assert (again.returncode, again.stdout) == (0, f"The emulator is already running at {url}\n")
    assert again.stderr == ""
    other = run("start", "--latency-ms", "5")
    assert other.returncode == 0
    assert "it runs with other options; stop it first" in other.stderr

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


def test_port_stays_the_same(run: Run) -> None:
    url = url_of(run("start", "--port", "0"))
    assert port_of(url) < 32768, "systems assign such ports to outgoing connections"
    run("stop")
    assert url_of(run("start")) == url


def test_port_of_the_environment(run: Run, directory: Path) -> None:
    port = free_port("127.0.0.1")
    env = directory / ".env"
    result = run("start", "--env-file", str(env), OMDB_EMULATOR_PORT=str(port))
    assert url_of(result) == f"http://127.0.0.1:{port}/"
    assert not env.exists()


def test_taken_port_is_replaced_and_recorded_at_the_first_start(
    run: Run, directory: Path, taken: int
) -> None:
    (directory / ".env").write_text("# mine\nOMDB_API_KEY='abc'\n")
    result = run("start", "--env-file", ".env", OMDB_EMULATOR_PORT=str(taken))
    # The preferred port of the package may be free here, or in use by another emulator.
    port = port_of(url_of(result))
    assert port != taken
    assert responds(f"http://127.0.0.1:{port}/")
    assert (directory / ".env").read_text() == (
        f"# mine\nOMDB_API_KEY='abc'\nOMDB_EMULATOR_PORT={port}\n"
    )
    assert (directory / ".emulator" / "port").read_text() == f"{port}\n"
    run("stop")
    again = run("start", "--env-file", ".env", OMDB_EMULATOR_PORT=str(taken))
    assert url_of(again) == f"http://127.0.0.1:{port}/"
    run("stop")
    moved = run("start", "--port", "0", "--env-file", ".env")
    new = port_of(url_of(moved))
    assert f"OMDB_EMULATOR_PORT={new}\n" in (directory / ".env").read_text()


def test_saved_port_that_is_taken_is_an_error_with_its_remedy(
    run: Run, directory: Path, taken: int
) -> None:
    (directory / ".emulator").mkdir()
    (directory / ".emulator" / "port").write_text(str(taken))
    result = run("start")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"port {taken}, saved in .emulator/port, is in use by another program" in result.stderr
    assert "delete the file" in result.stderr


@pytest.mark.parametrize("command", ["start", "serve"])
def test_requested_port_that_is_taken(run: Run, taken: int, command: str) -> None:
    result = run(command, "--port", str(taken))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert str(taken) in result.stderr
    assert "choose another" in result.stderr


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


def test_killed_server_is_not_running(run: Run, directory: Path) -> None:
    url = url_of(run("start", "--port", "0"))
    pid = pid_of(directory)
    os.kill(pid, 9)
    deadline = time.monotonic() + 10
    while run("status").returncode != 3:
        assert time.monotonic() < deadline
    assert pid_of(directory) == pid
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
    options += ["--ratings-change-from", "2026-01-31", "--ratings-lag-days", "3"]
    url = url_of(run("start", "--port", "0", *options))
    assert fetch(f"{url}?apikey=abc&i=tt0000001")["Title"] == "Mine"
    assert len(fetch(f"{url}__emulator__/requests")) == 1
    assert fetch(f"{url}__emulator__/keys") == {"abc": {"limit": 1, "used_today": 1}}
    settings = fetch(f"{url}__emulator__/settings")
    assert (settings["ratings_change_from"], settings["ratings_lag_days"]) == ("2026-01-31", 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recorded", "nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["--catalogue", "broken.jsonl"], "broken.jsonl:2: not JSON"),
        (["--key", ":5"], "':5' is not KEY or KEY:LIMIT"),
        (["--generated", "5000000"], "between 0 and 1000000 titles can be generated"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:"),
    ],
)
@pytest.mark.parametrize("command", ["start", "serve"])
def test_start_failure_is_one_line(
    run: Run, directory: Path, command: str, arguments: list[str], message: str
) -> None:
    (directory / "broken.jsonl").write_text('{"imdbID": "tt0000001", "Title": "x"}\n{\n')
    result = run(command, "--port", str(free_port("127.0.0.1")), *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert run("status").returncode == 3


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_wrong_ports(run: Run, port: str) -> None:
    assert "is not a port number" in run("start", f"--port={port}").stderr
    result = run("start", OMDB_EMULATOR_PORT=port)
    assert result.returncode == 1
    assert f"OMDB_EMULATOR_PORT must be a port number, not '{port}'" in result.stderr


def test_unusable_data_directory(run: Run, directory: Path) -> None:
    (directory / "file").write_text("")
    result = run("start", "--data-dir", "file/data")
    assert result.returncode == 1
    assert result.stderr.startswith("omdb-emulator: cannot use the data directory file/data: ")
    assert result.stderr.count("\n") == 1


def test_preferred_port_is_documented(run: Run) -> None:
    assert str(PREFERRED_PORT) in run("serve", "--help").stdout


def test_check_reports_all_errors(run: Run, directory: Path) -> None:
    assert run("check").returncode == 0
    lines = [
        {"imdbID": "tt1", "Title": "x"},
        {"imdbID": "tt0000001", "Title": "x", "Type": "film"},
        {"imdbID": "tt0000001", "Emulator": {"merged_into": "tt0000009"}},
        {"imdbID": "tt0000002", "Emulator": {"mergd": ""}},
        {"imdbID": "tt0000003"},
    ]
    (directory / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = run("check", "mine.jsonl")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "mine.jsonl: imdbID must be tt and 7 or 8 digits, not 'tt1'",
        "mine.jsonl: tt0000001: Type 'film' is none of movie, game, series, episode",
        "mine.jsonl: tt0000001: duplicate id",
        "mine.jsonl: tt0000002: unknown Emulator key mergd",
        "mine.jsonl: tt0000003: a title needs Title",
        "mine.jsonl: tt0000001: merged_into tt0000009 is not in the catalogue",
        "mine.jsonl: 5 titles",
    ]


def test_closed_output_is_not_an_error(directory: Path) -> None:
    command = f'"{sys.executable}" -m omdb_emulator generate --titles 50000 | head -1'
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],  # noqa: S607
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["Title"]
