-- What the demo made, for psql. Variable: spent, the requests of this run.

\set QUIET on
\pset footer off
\pset border 0
\pset pager off
\set ON_ERROR_STOP on

\echo
\echo '== Rows'
-- One select a table, joined to one query, which psql then runs.
select
    string_agg(
        format(
            'select %L as "schema", %L as "table", count(*) as "rows" from %I.%I',
            table_schema, table_name, table_schema, table_name
        ),
        ' union all ' order by table_schema desc, table_name
    )
from information_schema.tables
where table_schema in ('demo_raw', 'demo_marts') and table_type = 'BASE TABLE'
\gexec

\echo '== Top-rated movies of each year'
with ranked as (
    select
        *,
        row_number() over (partition by year order by imdb_rating desc, imdb_votes desc) as place
    from demo_marts.movies
    where imdb_votes >= 10000
)

select
    case place when 1 then year end as "year",
    imdb_rating as "rating",
    title
from ranked
where place <= 3
order by ranked.year, place;

select :spent = 0 as nothing_was_due
\gset
\if :nothing_was_due
\echo '0 requests spent: nothing was due.'
\else
\echo :spent 'requests spent. Run it again: what is known costs nothing.'
\endif
\echo
\echo 'Look further:'
\echo '  make psql        ask in SQL, say: select * from demo_marts.movies where year = 2010;'
\echo '  make dictionary  what each table and column means, as a page for your browser'
\echo '  make stop        ends Postgres and the emulator; the data stays'
