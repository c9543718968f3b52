{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['company_name']},
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
    select distinct
        company_id,
        company_name
    from companies_of_movies
    {% if is_incremental() %}
    where {{
            is_new_or_changed_in_bridge(
                'companies_of_movies', 'movie_companies', 'movies_with_companies'
            )
        }}
    {% endif %}
),

companies as (
    select
        company_id,
        company_name
    from changed
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where built.company_id = changed.company_id
        )
    {% endif %}
)

select * from companies
