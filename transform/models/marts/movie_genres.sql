{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows('genre_id') }}",
        post_hook="{{ delete_orphans(ref('genres'), 'genre_id') }}",
        indexes=[
            {'columns': ['genre_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with genres_of_movies as (
    select * from {{ ref('int_movie_genres') }}
),

changed as (
    select * from genres_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_movie('genres_of_movies', this) }}
    {% endif %}
),

-- OMDb lists some items twice.
movie_genres as (
    select
        imdb_id,
        genre_id,
        min(position)::integer as position,
        loaded_at
    from changed
    group by imdb_id, genre_id, loaded_at
)

select * from movie_genres
