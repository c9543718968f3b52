-- What the demo made, for psql.

\set QUIET on
\pset footer off
\pset border 0

\echo
\echo '== Tables'
select
    string_agg(
        format(
            'select %L as "schema", %L as "table", count(*) as "rows" from %I.%I',
            table_schema, table_name, table_schema, table_name
        ),
        ' union all ' order by array_position('{demo_raw,demo_marts}', table_schema), table_name
    )
from information_schema.tables
where table_schema in ('demo_raw', 'demo_marts')
\gexec

\echo '== Top-rated movies of each year'
with ranked as (
    select
        *,
        row_number() over (partition by year order by imdb_rating desc, imdb_votes desc) as place
    from demo_marts.movies
    where imdb_rating is not null
)

select
    case place when 1 then year end as "year",
    imdb_rating as "rating",
    title
from ranked
where place <= 3
order by ranked.year, place;
