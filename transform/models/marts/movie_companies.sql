{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows('company_id') }}",
        post_hook="{{ delete_orphans(ref('companies'), 'company_id') }}",
        indexes=[
            {'columns': ['company_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with companies_of_movies as (
    select * from {{ ref('int_movie_companies') }}
),

movies_with_companies as (
    select imdb_id from {{ ref('stg_omdb__movies') }}
    where production is not null
),

changed as (
    select * from companies_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_movie('companies_of_movies', this, 'movies_with_companies') }}
    {% endif %}
),

-- OMDb lists some items twice.
movie_companies as (
    select
        imdb_id,
        company_id,
        min(position)::integer as position,
        loaded_at
    from changed
    group by imdb_id, company_id, loaded_at
)

select * from movie_companies
