-- Shows the demo's results in psql.

\set QUIET on
\pset footer off
\pset border 0
\pset pager off
\set ON_ERROR_STOP on

\echo
\echo '== Tables and views (schema demo_marts; raw tables in demo_raw)'
-- Generates one query over all tables and views, which psql then runs. The descriptions are the
-- comments that dbt has written to the database.
select
    string_agg(
        format(
            'select %L as "table", count(*) as "rows", %L as "one row per" from %s',
            case nspname when 'demo_raw' then 'raw ' else '' end || relname,
            coalesce(
                substring(obj_description(pg_class.oid) from '^One row per ([^.:;]*)'),
                'record of the tap'
            ),
            pg_class.oid::regclass
        ),
        ' union all ' order by nspname desc, relname
    )
from pg_class
inner join pg_namespace on relnamespace = pg_namespace.oid
where nspname in ('demo_raw', 'demo_marts') and relkind in ('r', 'v')
\gexec

\echo '== Best movies of each decade'
with ranked as (
    select
        *,
        year / 10 * 10 as decade,
        row_number() over (
            partition by year / 10 order by imdb_rating desc, imdb_votes desc
        ) as place
    from demo_marts.titles
    where kind = 'movie' and imdb_votes >= 10000
),

directors as (
    select
        imdb_id,
        string_agg(person_name, ', ' order by position) as names
    from demo_marts.title_credits
    where role = 'director'
    group by imdb_id
)

select
    case place when 1 then decade end as "decade",
    year as "year",
    imdb_rating as "rating",
    title,
    names as "directed by",
    array_to_string(genres, ', ') as "genres"
from ranked
left join directors using (imdb_id)
where place <= 3
order by ranked.decade, place;

\echo '== Search coverage by year (coverage_summary)'
select
    coverage_summary.year as "year",
    searches,
    missed as "results missed",
    titles as "titles found",
    average_imdb_rating as "average rating of movies"
from demo_marts.coverage_summary
left join demo_marts.year_summary using (year)
order by 1;

select
    requests as spent,
    requests = 0 as nothing_was_due,
    (select count(*) from demo_marts.titles) as titles
from demo_marts.syncs
order by ended_at desc
limit 1
\gset
\if :nothing_was_due
\echo '0 requests spent: nothing was due, all' :titles 'titles are up to date.'
\else
\echo :spent 'requests spent; a free key allows 1,000 a day. Run it again: known titles cost no requests.'
\endif
\echo
\echo 'Next steps:'
\echo '  make psql        query the data: select * from demo_marts.titles where year = 2014;'
\echo '  make dictionary  browse the description of each table and column'
\echo '  make stop        stop Postgres and the emulator; the data is kept'
\echo '  make dashboard   open the page with charts and a table of all movies:'
\echo '                   analyze/public/index.html'
