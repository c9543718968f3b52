"""The roles of `scripts/roles.sql`, on a server that accepts nothing but TLS."""

from __future__ import annotations

import psycopg
import pytest

from tests.operations.conftest import Deployment, needs_tls


def test_no_password_is_logged(deployment: Deployment) -> None:
    assert "secret of" not in deployment.log


def test_each_role_owns_its_schemas(deployment: Deployment) -> None:
    execute = deployment.server.execute
    owners = execute(
        "omdb_transformer",
        "select distinct nspname, relowner::regrole::text, nspowner::regrole::text"
        " from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid"
        " where nspname like 'omdb\\_%'",
    )
    assert len(owners) >= 6
    for schema, *roles in owners:
        expected = "omdb_loader" if schema == "omdb_raw" else "omdb_transformer"
        assert roles == [expected, expected], schema
    functions = execute(
        "omdb_transformer",
        "select proname, proowner::regrole::text from pg_proc"
        " where pronamespace = 'omdb_functions'::regnamespace",
    )
    assert ("old", "omdb_transformer") in functions
    assert {owner for _, owner in functions} == {"omdb_transformer"}


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("omdb_loader", "select * from omdb_marts.movies"),
        ("omdb_loader", "select * from omdb_staging.stg_omdb__titles"),
        ("omdb_loader", "create schema another"),
        ("omdb_transformer", "insert into omdb_raw.movies (imdb_id) values ('tt1')"),
        ("omdb_transformer", "drop table omdb_raw.movies"),
        ("omdb_transformer", "create table omdb_raw.another (id int)"),
        ("omdb_reader", "select * from omdb_raw.movies"),
        ("omdb_reader", "select * from omdb_staging.stg_omdb__titles"),
        ("omdb_reader", "delete from omdb_marts.movies"),
        ("omdb_reader", "truncate omdb_marts.movies"),
        ("omdb_reader", "create table omdb_marts.another (id int)"),
        ("omdb_reader", "create table public.another (id int)"),
        ("omdb_reader", "create schema another"),
        ("omdb_reader", "create temporary table another (id int)"),
        ("omdb_reader", "set role omdb_transformer"),
    ],
)
def test_a_role_can_do_no_more_than_it_needs(
    deployment: Deployment, role: str, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        deployment.server.execute(role, statement)


def test_the_reader_reads_every_mart_also_after_a_rebuild(deployment: Deployment) -> None:
    execute = deployment.server.execute

    def read_all() -> int:
        names = execute(
            "omdb_reader",
            "select format('%I.%I', nspname, relname), relname = 'games', pg_class.oid"
            " from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid"
            " where nspname in ('omdb_marts', 'omdb_reports') and relkind in ('r', 'v')",
        )
        assert len(names) > 20
        for name, *_ in names:
            execute("omdb_reader", f"select * from {name} limit 1")  # noqa: S608
        return next(int(oid) for _, is_rebuilt, oid in names if is_rebuilt)

    before = read_all()
    deployment.dbt("run", "--full-refresh", "--select", "games+")
    assert read_all() != before


@needs_tls
def test_every_session_uses_tls(deployment: Deployment) -> None:
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    assert deployment.server.execute("omdb_reader", query) == [(True,)]


@pytest.mark.parametrize(
    ("variable", "value", "cause", "remedy"),
    [
        (
            "PGPASSWORD",
            "wrong secret",
            'password authentication failed for user "omdb_loader"',
            "check PGUSER, and PGPASSWORD or PGPASSFILE",
        ),
        pytest.param(
            *("PGSSLROOTCERT", "other-ca.pem", "certificate verify failed"),
            "check PGSSLROOTCERT and PGSSLMODE",
            marks=needs_tls,
        ),
    ],
)
def test_a_loader_that_cannot_log_in_costs_no_request(
    deployment: Deployment, variable: str, value: str, cause: str, remedy: str
) -> None:
    if variable == "PGSSLROOTCERT":
        value = str(deployment.server.folder / value)
    emulator = deployment.project.emulator
    emulator.reset()
    failed = deployment.project.meltano(
        *("--log-level=warning", "run", "--full-refresh", "tap-omdb", "target-postgres", "dbt:run"),
        environment="prod",
        **{**deployment.variables, variable: value},
    )
    assert failed.returncode != 0
    said, *others = failed.stdout.splitlines()
    assert cause in said
    assert remedy in said
    assert len(others) <= 2
    assert "wrong secret" not in failed.stdout
    assert emulator.stats()["requests"] == 0
