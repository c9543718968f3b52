{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows('person_id') }}",
        post_hook=[
            "{{ delete_orphans(ref('people'), 'person_id') }}",
            "{{ correct_person_names(ref('people')) }}",
        ],
        indexes=[
            {'columns': ['person_id']},
            {'columns': ['loaded_at']},
        ],
    )
}}

with credits as (
    select * from {{ ref('int_credits') }}
    where kind = 'movie'
),

movie_credits as (
    select
        imdb_id,
        role,
        position::integer as position,
        person_id,
        note,
        loaded_at,
        {{ credit_kind('note') }} as credit_kind,
        person_name as credited_as
    from credits
    {% if is_incremental() %}
    where {{ is_new_or_changed('credits', this) }}
    {% endif %}
)

select * from movie_credits
