{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

year_summary as (
    select
        year,
        count(*) as movies,
        count(imdb_rating) as rated_movies,
        round(avg(imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
        round(avg(metascore), 1)::numeric(5, 1) as average_metascore,
        round(avg(runtime_minutes), 1)::numeric(6, 1) as average_runtime_minutes,
        sum(imdb_votes)::numeric(24, 0) as imdb_votes,
        sum(box_office)::numeric(24, 0) as box_office,
        sum(award_wins)::numeric(24, 0) as award_wins,
        count(box_office) as movies_with_box_office
    from movies
    where year is not null
    group by year
)

select * from year_summary
