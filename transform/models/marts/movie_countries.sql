{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ remove_outdated('country_id') }}",
        post_hook="{{ forget_unused(ref('countries'), 'country_id', unless='dimension.is_known') }}",
        indexes=[
            {'columns': ['country_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with countries_of_movies as (
    select * from {{ ref('int_movie_countries') }}
),

due as (
    select * from countries_of_movies
    {% if is_incremental() %}
    where {{ is_of_due_movie('countries_of_movies', this) }}
    {% endif %}
),

-- One that OMDb lists twice counts once.
movie_countries as (
    select
        imdb_id,
        country_id,
        min(position)::integer as position,
        loaded_at
    from due
    group by imdb_id, country_id, loaded_at
)

select * from movie_countries
