{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
    where box_office is not null
),

box_office as (
    select
        imdb_id,
        title,
        year,
        box_office,
        rank() over (order by box_office desc) as rank,
        rank() over (partition by year order by box_office desc) as rank_in_year,
        round(
            100.0 * box_office / nullif(sum(box_office) over (partition by year), 0), 2
        )::numeric(5, 2) as percent_of_year
    from movies
)

select * from box_office
