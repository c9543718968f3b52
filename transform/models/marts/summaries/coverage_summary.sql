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

searched as (
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
        searched.year,
        searched.kind,
        searched.searches,
        searched.complete_searches,
        searched.failed_searches,
        searched.total_results::numeric(24, 0) as total_results,
        searched.hits::numeric(24, 0) as hits,
        searched.missed::numeric(24, 0) as missed,
        round(
            100.0 * searched.hits / nullif(searched.total_results, 0), 1
        )::numeric(6, 1) as percent_seen,
        (
            -- A search without a year or kind finds titles of any.
            select coalesce(sum(titles.titles), 0)
            from titles
            where
                (searched.year is null or searched.year = titles.year)
                and (searched.kind is null or searched.kind = titles.kind)
        )::bigint as titles,
        searched.last_searched_at
    from searched
)

select * from coverage_summary
