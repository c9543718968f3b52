{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows('language_id') }}",
        post_hook="{{ delete_orphans(ref('languages'), 'language_id', keep_if='dimension.is_known') }}",
        indexes=[
            {'columns': ['language_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with languages_of_movies as (
    select * from {{ ref('int_movie_languages') }}
),

changed as (
    select * from languages_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_movie('languages_of_movies', this) }}
    {% endif %}
),

-- OMDb lists some items twice.
movie_languages as (
    select
        imdb_id,
        language_id,
        min(position)::integer as position,
        loaded_at
    from changed
    group by imdb_id, language_id, loaded_at
)

select * from movie_languages
