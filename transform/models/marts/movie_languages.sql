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

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

codes as (
    select * from {{ ref('language_codes') }}
),

-- OMDb lists some items twice.
movie_languages as (
    select
        titles.imdb_id,
        coalesce(codes.language_id, {{ slugify('listed.name') }}) as language_id,
        min(listed.position)::integer as position,
        titles.loaded_at
    from titles
    cross join lateral unnest(titles.languages) with ordinality as listed (name, position)
    left join codes on listed.name = codes.language_name
    where
        listed.name not in ('', 'N/A')
        {% if is_incremental() %}
        and {{ is_new_or_changed('titles', this) }}
        {% endif %}
    group by 1, 2, 4
)

select * from movie_languages
