{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ remove_outdated('language_id') }}",
        post_hook="{{ forget_unused(ref('languages'), 'language_id', unless='dimension.is_known') }}",
        indexes=[
            {'columns': ['language_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with languages_of_movies as (
    select * from {{ ref('int_movie_languages') }}
),

due as (
    select * from languages_of_movies
    {% if is_incremental() %}
    where {{ is_of_due_movie('languages_of_movies', this) }}
    {% endif %}
),

-- One that OMDb lists twice counts once.
movie_languages as (
    select
        imdb_id,
        language_id,
        min(position)::integer as position,
        loaded_at
    from due
    group by imdb_id, language_id, loaded_at
)

select * from movie_languages
