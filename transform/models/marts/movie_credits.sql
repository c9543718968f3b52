{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ remove_outdated('person_id') }}",
        post_hook="{{ forget_unused(ref('people'), 'person_id') }}",
        indexes=[
            {'columns': ['person_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with credits as (
    select * from {{ ref('int_movie_credits') }}
),

due as (
    select * from credits
    {% if is_incremental() %}
    where {{ is_of_due_movie('credits', this) }}
    {% endif %}
),

movie_credits as (
    select
        imdb_id,
        role,
        position::integer as position,
        person_id,
        note,
        loaded_at
    from due
)

select * from movie_credits
