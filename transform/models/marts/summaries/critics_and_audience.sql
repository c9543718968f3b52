{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

{% for name, source in [
    ('audience', 'Internet Movie Database'),
    ('metacritic', 'Metacritic'),
    ('rotten_tomatoes', 'Rotten Tomatoes'),
] -%}
{{ name }}_scores as (
    select
        imdb_id,
        score_100 as {{ name }}
    from {{ ref('movie_ratings') }}
    where rating_source = '{{ source }}' and score_100 is not null
),

{% endfor -%}
compared as (
    select
        coalesce(metacritic_scores.imdb_id, rotten_tomatoes_scores.imdb_id) as imdb_id,
        metacritic_scores.metacritic,
        rotten_tomatoes_scores.rotten_tomatoes,
        case
            when metacritic_scores.metacritic is null then rotten_tomatoes_scores.rotten_tomatoes
            when rotten_tomatoes_scores.rotten_tomatoes is null then metacritic_scores.metacritic
            else (metacritic_scores.metacritic + rotten_tomatoes_scores.rotten_tomatoes) / 2
        end as critics
    from metacritic_scores
    full join rotten_tomatoes_scores
        on metacritic_scores.imdb_id = rotten_tomatoes_scores.imdb_id
),

critics_and_audience as (
    select
        movies.imdb_id,
        movies.title,
        movies.year,
        audience_scores.audience,
        compared.metacritic,
        compared.rotten_tomatoes,
        compared.critics::numeric(8, 1) as critics,
        (compared.critics - audience_scores.audience)::numeric(8, 1) as critics_minus_audience
    from compared
    inner join audience_scores on compared.imdb_id = audience_scores.imdb_id
    inner join movies on compared.imdb_id = movies.imdb_id
)

select * from critics_and_audience
