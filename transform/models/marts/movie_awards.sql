{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ remove_outdated() }}",
        indexes=[
            {'columns': ['loaded_at']},
        ],
    )
}}

with awards_of_movies as (
    select * from {{ ref('int_movie_awards') }}
),

due as (
    select * from awards_of_movies
    {% if is_incremental() %}
    where {{ is_of_due_movie('awards_of_movies', this) }}
    {% endif %}
),

movie_awards as (
    select
        imdb_id,
        award_body,
        outcome,
        awards,
        is_total,
        loaded_at
    from due
)

select * from movie_awards
