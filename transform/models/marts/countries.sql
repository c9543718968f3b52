{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='country_id',
    )
}}

with codes as (
    select * from {{ ref('country_codes') }}
),

countries_of_movies as (
    select * from {{ ref('int_movie_countries') }}
),

unknown as (
    select
        country_id,
        min(country_name) as country_name
    from countries_of_movies
    where
        country_id not in (select codes.country_id from codes)
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('countries_of_movies', 'movie_countries') }}
        {% endif %}
    group by country_id
),

countries as (
    select
        country_id,
        country_name,
        iso_alpha_2,
        iso_alpha_3,
        iso_numeric,
        iso_former,
        existed_until,
        true as is_known
    from codes
    union all
    select
        country_id,
        country_name,
        null as iso_alpha_2,
        null as iso_alpha_3,
        null as iso_numeric,
        null as iso_former,
        null as existed_until,
        false as is_known
    from unknown
)

select * from countries
