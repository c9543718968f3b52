{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        indexes=[
            {'columns': ['loaded_at']},
            {'columns': ['year']},
            {'columns': ['title']},
        ],
    )
}}

with details as (
    select * from {{ ref('stg_omdb__movies') }}
),

due as (
    select * from details
    {% if is_incremental() %}
        where {{ is_due('details', this) }}
    {% endif %}
),

movies as (
    select
        imdb_id,
        title,
        year,
        released,
        runtime_minutes,
        rated,
        plot,
        imdb_rating,
        imdb_votes,
        metascore,
        box_office,
        awards,
        dvd,
        poster_url,
        website,
        merged_ids,
        fetched_at,
        loaded_at
    from due
)

select * from movies
