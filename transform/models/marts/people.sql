{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['person_name']},
        ],
    )
}}

with credits as (
    select * from {{ ref('int_credits') }}
    where kind = 'movie'
),

changed as (
    select distinct
        person_id,
        person_name
    from credits
    {% if is_incremental() %}
    where {{ is_new_or_changed_in_bridge('credits', 'movie_credits') }}
    {% endif %}
),

people as (
    select
        person_id,
        person_name
    from changed
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where built.person_id = changed.person_id
        )
    {% endif %}
)

select * from people
