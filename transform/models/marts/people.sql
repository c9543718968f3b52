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
    select * from {{ ref('int_movie_credits') }}
),

due as (
    select distinct
        person_id,
        person_name
    from credits
    {% if is_incremental() %}
    where {{ is_due_in_bridge('credits', 'movie_credits') }}
    {% endif %}
),

people as (
    select
        person_id,
        person_name
    from due
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where built.person_id = due.person_id
        )
    {% endif %}
)

select * from people
