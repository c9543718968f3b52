{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

-- One row per movie, with its scores from 0 to 100 side by side.
scores as (
    select
        imdb_id,
        max(score_100) filter (where rating_source = 'Internet Movie Database') as audience,
        max(score_100) filter (where rating_source = 'Metacritic') as metacritic,
        max(score_100) filter (where rating_source = 'Rotten Tomatoes') as rotten_tomatoes
    from {{ ref('movie_ratings') }}
    group by imdb_id
),

compared as (
    select
        imdb_id,
        audience,
        metacritic,
        rotten_tomatoes,
        case
            when metacritic is not null and rotten_tomatoes is not null
                then (metacritic + rotten_tomatoes) / 2
            else coalesce(metacritic, rotten_tomatoes)
        end as critics
    from scores
),

critics_and_audience as (
    select
        movies.imdb_id,
        movies.title,
        movies.year,
        compared.audience,
        compared.metacritic,
        compared.rotten_tomatoes,
        compared.critics::numeric(8, 1) as critics,
        (compared.critics - compared.audience)::numeric(8, 1) as critics_minus_audience
    from compared
    inner join movies on compared.imdb_id = movies.imdb_id
    where compared.audience is not null and compared.critics is not null
)

select * from critics_and_audience
