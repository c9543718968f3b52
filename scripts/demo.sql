-- Shows the demo's results in psql.

\set QUIET on
\pset footer off
\pset border 0
\pset pager off
\set ON_ERROR_STOP on

\echo
\echo '== Rows of the tables and views (schema demo_marts; raw tables in demo_raw)'
-- Generates one query over all tables and views, which psql then runs: four of them in a line.
select
    format(
        $query$
            with counts as (%s),

            placed as (
                select
                    *,
                    (row_number() over (order by name) - 1) %% ceil(count(*) over () / 4.0) as line
                from counts
            )

            select
                (array_agg(name order by name))[1] as "table",
                (array_agg(number order by name))[1] as "rows",
                (array_agg(name order by name))[2] as "table",
                (array_agg(number order by name))[2] as "rows",
                (array_agg(name order by name))[3] as "table",
                (array_agg(number order by name))[3] as "rows",
                (array_agg(name order by name))[4] as "table",
                (array_agg(number order by name))[4] as "rows"
            from placed
            group by line
            order by line
        $query$,
        string_agg(
            format(
                'select %L as name, count(*) as number from %s',
                case nspname when 'demo_raw' then 'raw.' else '' end || relname,
                pg_class.oid::regclass
            ),
            ' union all '
        )
    )
from pg_class
inner join pg_namespace on relnamespace = pg_namespace.oid
where nspname in ('demo_raw', 'demo_marts') and relkind in ('r', 'v')
\gexec

\echo '== Best movie of each decade'
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
    decade as "decade",
    year as "year",
    imdb_rating as "rating",
    title,
    names as "directed by",
    array_to_string(genres, ', ') as "genres"
from ranked
left join directors using (imdb_id)
where place = 1
order by ranked.decade;

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
\echo '  make dashboard   open the page with charts and a table of all movies'
\echo '  make dictionary  browse the description of each table and column'
\echo '  make stop        stop Postgres and the emulator; the data is kept'
