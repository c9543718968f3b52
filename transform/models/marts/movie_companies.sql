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

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

-- OMDb lists some items twice.
movie_companies as (
    select
        titles.imdb_id,
        {{ surrogate_key('listed.name') }} as company_id,
        min(listed.position)::integer as position,
        titles.loaded_at
    from titles
    cross join lateral unnest(titles.companies) with ordinality as listed (name, position)
    where
        listed.name not in ('', 'N/A')
        {% if is_incremental() %}
        and {{ is_new_or_changed('titles', this) }}
        {% endif %}
    group by 1, 2, 4
)

select * from movie_companies
