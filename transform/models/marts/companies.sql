{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['company_name']},
        ],
    )
}}

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

changed as (
    select
        {{ surrogate_key('listed.name') }} as company_id,
        min(listed.name) as company_name
    from titles
    cross join lateral unnest(titles.companies) as listed (name)
    where
        listed.name not in ('', 'N/A')
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('titles', 'movie_companies') }}
        {% endif %}
    group by 1
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
