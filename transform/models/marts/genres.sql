{{
    config(
        materialized='incremental',
        incremental_strategy='append',
    )
}}

with genres_of_movies as (
    select * from {{ ref('int_movie_genres') }}
),

changed as (
    select
        genre_id,
        min(genre_name) as genre_name
    from genres_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_in_bridge('genres_of_movies', 'movie_genres') }}
    {% endif %}
    group by genre_id
),

genres as (
    select
        genre_id,
        genre_name
    from changed
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where built.genre_id = changed.genre_id
        )
    {% endif %}
)

select * from genres
