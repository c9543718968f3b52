{{ config(materialized='table', tags=['replaced']) }}

with searches as (
    select
        search_id,
        search_term,
        year,
        type as kind,
        total_results,
        pages_read,
        hits,
        new_titles,
        missed,
        round(100.0 * hits / nullif(total_results, 0), 1)::numeric(6, 1) as percent_seen,
        is_complete,
        error,
        searched_at
    from {{ ref('stg_omdb__searches') }}
)

select * from searches
