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

languages_of_movies as (
    select * from {{ ref('int_movie_languages') }}
),

unknown as (
    select
        language_id,
        min(language_name) as language_name
    from languages_of_movies
    where
        language_id not in (select codes.language_id from codes)
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('languages_of_movies', 'movie_languages') }}
        {% endif %}
    group by language_id
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
