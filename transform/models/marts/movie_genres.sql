{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ remove_outdated('genre_id') }}",
        post_hook="{{ forget_unused(ref('genres'), 'genre_id') }}",
        indexes=[
            {'columns': ['genre_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with genres_of_movies as (
    select * from {{ ref('int_movie_genres') }}
),

due as (
    select * from genres_of_movies
    {% if is_incremental() %}
    where {{ is_of_due_movie('genres_of_movies', this) }}
    {% endif %}
),

-- One that OMDb lists twice counts once.
movie_genres as (
    select
        imdb_id,
        genre_id,
        min(position)::integer as position,
        loaded_at
    from due
    group by imdb_id, genre_id, loaded_at
)

select * from movie_genres
