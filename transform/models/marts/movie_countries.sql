{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows('country_id') }}",
        post_hook="{{ delete_orphans(ref('countries'), 'country_id', keep_if='dimension.is_known') }}",
        indexes=[
            {'columns': ['country_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with countries_of_movies as (
    select * from {{ ref('int_movie_countries') }}
),

changed as (
    select * from countries_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_movie('countries_of_movies', this) }}
    {% endif %}
),

-- OMDb lists some items twice.
movie_countries as (
    select
        imdb_id,
        country_id,
        min(position)::integer as position,
        loaded_at
    from changed
    group by imdb_id, country_id, loaded_at
)

select * from movie_countries
