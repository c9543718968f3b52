{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        pre_hook="{{ delete_titles_of_another_type('movie') }}",
        indexes=[
            {'columns': ['certificate_id']},
            {'columns': ['loaded_at']},
            {'columns': ['title']},
            {'columns': ['year']},
        ],
    )
}}

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

movies as (
    select
        imdb_id,
        title,
        year,
        released,
        runtime_minutes,
        rated,
        certificate_id,
        plot,
        imdb_rating,
        imdb_votes,
        metascore,
        box_office,
        awards,
        award_wins,
        award_nominations,
        dvd,
        poster_url,
        website,
        merged_ids,
        unparsed,
        extra,
        matched_by,
        fetched_at,
        loaded_at
    from titles
    {% if is_incremental() %}
    where {{ is_new_or_changed('titles', this) }}
    {% endif %}
)

select * from movies
