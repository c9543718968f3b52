{{ config(materialized='view') }}

with searches as (
    select * from {{ ref('searches') }}
),

titles as (
    select
        year,
        kind,
        count(*) as titles
    from {{ ref('titles') }}
    group by year, kind
),

asked as (
    select
        year,
        kind,
        count(*) as searches,
        count(*) filter (where is_complete) as complete_searches,
        count(error) as failed_searches,
        sum(total_results) as total_results,
        sum(hits) as hits,
        sum(missed) as missed,
        max(searched_at) as last_searched_at
    from searches
    group by year, kind
),

coverage_summary as (
    select
        asked.year,
        asked.kind,
        asked.searches,
        asked.complete_searches,
        asked.failed_searches,
        asked.total_results::numeric(24, 0) as total_results,
        asked.missed::numeric(24, 0) as missed,
        round(
            100.0 * asked.hits / nullif(asked.total_results, 0), 1
        )::numeric(6, 1) as percent_seen,
        (
            -- A search without a year or kind finds titles of all.
            select coalesce(sum(titles.titles), 0)
            from titles
            where
                (asked.year is null or asked.year = titles.year)
                and (asked.kind is null or asked.kind = titles.kind)
        )::bigint as titles,
        asked.last_searched_at
    from asked
)

select * from coverage_summary
