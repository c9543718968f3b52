{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        indexes=[
            {'columns': ['loaded_at']},
            {'columns': ['title']},
            {'columns': ['year']},
        ],
    )
}}

with titles as (
    select * from {{ ref('int_other_titles') }}
    where kind = 'game'
),

due as (
    select * from titles
    {% if is_incremental() %}
    where {{ is_due('titles', this) }}
    {% endif %}
),

games as (
    select
        imdb_id,
        title,
        year,
        released,
        rated,
        certificate_id,
        genres,
        directors,
        writers,
        actors,
        languages,
        countries,
        plot,
        imdb_rating,
        imdb_votes,
        awards,
        award_wins,
        award_nominations,
        poster_url,
        merged_ids,
        unparsed,
        extra,
        fetched_at,
        loaded_at
    from due
)

select * from games
