{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='language_id',
    )
}}

with codes as (
    select * from {{ ref('language_codes') }}
),

titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

unknown as (
    select
        {{ slugify('listed.name') }} as language_id,
        min(listed.name) as language_name
    from titles
    cross join lateral unnest(titles.languages) as listed (name)
    where
        listed.name not in ('', 'N/A')
        and listed.name not in (select codes.language_name from codes)
        and {{ slugify('listed.name') }} not in (select codes.language_id from codes)
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('titles', 'movie_languages') }}
        {% endif %}
    group by 1
),

languages as (
    select
        language_id,
        language_name,
        iso_639_1,
        iso_639_3,
        iso_639_5,
        language_kind,
        true as is_known
    from codes
    union all
    select
        language_id,
        language_name,
        null as iso_639_1,
        null as iso_639_3,
        null as iso_639_5,
        null as language_kind,
        false as is_known
    from unknown
)

select * from languages
