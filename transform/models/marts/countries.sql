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

titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

unknown as (
    select
        {{ slugify('listed.name') }} as country_id,
        min(listed.name) as country_name
    from titles
    cross join lateral unnest(titles.countries) as listed (name)
    where
        listed.name not in ('', 'N/A')
        and listed.name not in (select codes.country_name from codes)
        and {{ slugify('listed.name') }} not in (select codes.country_id from codes)
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('titles', 'movie_countries') }}
        {% endif %}
    group by 1
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
