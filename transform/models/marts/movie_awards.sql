{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows() }}",
        indexes=[
            {'columns': ['loaded_at']},
        ],
    )
}}

with awards_of_movies as (
    select * from {{ ref('int_movie_awards') }}
),

changed as (
    select * from awards_of_movies
    {% if is_incremental() %}
    where {{ is_new_or_changed_movie('awards_of_movies', this) }}
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
    from changed
)

select * from movie_awards
