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

with ratings as (
    select * from {{ ref('int_movie_ratings') }}
),

movie_ratings as (
    select
        imdb_id,
        rating_source,
        rating_text,
        score::numeric(6, 2) as score,
        scale::numeric(4, 0) as scale,
        round(100 * score / scale, 1)::numeric(8, 1) as score_100,
        votes,
        loaded_at
    from ratings
    {% if is_incremental() %}
    where {{ is_new_or_changed('ratings', this) }}
    {% endif %}
)

select * from movie_ratings
