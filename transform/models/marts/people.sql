{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='person_id',
        indexes=[
            {'columns': ['person_name']},
        ],
    )
}}

with credits as (
    select * from {{ ref('int_credits') }}
    where kind = 'movie'
),

-- Of spellings that differ in case only, the one with lower case first: Renée, not RENÉE.
changed as (
    select
        person_id,
        max(person_name collate "C") as person_name
    from credits
    {% if is_incremental() %}
    where {{ is_new_or_changed_in_bridge('credits', 'movie_credits') }}
    {% endif %}
    group by person_id
),

people as (
    select
        person_id,
        person_name
    from changed
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where
                built.person_id = changed.person_id
                and built.person_name >= changed.person_name collate "C" -- noqa: RF02
        )
    {% endif %}
)

select * from people
