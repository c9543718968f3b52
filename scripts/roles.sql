-- Roles with no more privileges than they need, for psql. An administrator runs this once in the
-- pipeline's database, before or after the first run; again is harmless.
--
--   psql --file=scripts/roles.sql            (--set=schema=NAME: not the schemas omdb_...)
--
-- omdb_loader       target-postgres: owns the schema omdb_raw, sees no other
-- omdb_transformer  dbt: reads omdb_raw, creates and owns all other schemas
-- omdb_reader       people, `dashboard:build` and `dbt:health`: reads omdb_marts and omdb_reports
--
-- They have no passwords yet: set them with \password omdb_loader, or use certificates.

\set ON_ERROR_STOP on
\if :{?schema}
\else
\set schema omdb
\endif
select
    current_database() as database,
    current_user as administrator,
    :'schema' || '_raw' as raw,
    :'schema' || '_marts' as marts,
    :'schema' || '_reports' as reports,
    :'schema' || '_loader' as loader,
    :'schema' || '_transformer' as transformer,
    :'schema' || '_reader' as reader
\gset

select format('create role %I login', role)
from (values (:'loader'), (:'transformer'), (:'reader')) as roles (role)
where role not in (select rolname from pg_roles)
\gexec

begin;

set local client_min_messages = warning; -- no notices of what exists

-- To act for these roles below; a superuser could do without, a managed server has none.
grant :"loader", :"transformer" to :"administrator";
-- Postgres lets everybody connect, and fill the disk with temporary tables.
revoke connect, temporary on database :"database" from public;
grant connect on database :"database" to :"loader", :"transformer", :"reader";
grant temporary on database :"database" to :"loader", :"transformer";
grant create on database :"database" to :"transformer";

create schema if not exists :"raw" authorization :"loader";
create schema if not exists :"marts" authorization :"transformer";
create schema if not exists :"reports" authorization :"transformer";

-- What earlier runs have created as another role. Indexes, sequences and row types follow their
-- tables.
select format('alter schema %I owner to %I', nspname, owner)
from (
    select
        nspname,
        nspowner,
        case when nspname = :'raw' then :'loader' else :'transformer' end as owner
    from pg_namespace
    where starts_with(nspname, :'schema' || '_')
) as schemas
where nspowner <> owner::regrole
\gexec
select
    format(
        'alter %s %I.%I owner to %I',
        case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
        nspname,
        relname,
        owner
    )
from (
    select
        nspname,
        relname,
        relkind,
        relowner,
        case when nspname = :'raw' then :'loader' else :'transformer' end as owner
    from pg_class
    inner join pg_namespace on relnamespace = pg_namespace.oid
    where starts_with(nspname, :'schema' || '_') and relkind in ('r', 'p', 'v', 'm')
) as relations
where relowner <> owner::regrole
\gexec
select format('alter routine %s owner to %I', pg_proc.oid::regprocedure, :'transformer')
from pg_proc
inner join pg_namespace on pronamespace = pg_namespace.oid
where starts_with(nspname, :'schema' || '_') and proowner <> :'transformer'::regrole
\gexec

-- Default privileges hold for tables to come: streams that the loader has not met, and those that
-- dbt rebuilds.
grant usage on schema :"raw" to :"transformer";
grant select on all tables in schema :"raw" to :"transformer";
alter default privileges for role :"loader" in schema :"raw"
grant select on tables to :"transformer";

grant usage on schema :"marts", :"reports" to :"reader";
grant select on all tables in schema :"marts", :"reports" to :"reader";
alter default privileges for role :"transformer" in schema :"marts", :"reports"
grant select on tables to :"reader";

commit;
