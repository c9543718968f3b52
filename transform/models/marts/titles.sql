{{ config(materialized='view') }}

with titles as (
    select
        imdb_id,
        kind,
        title,
        year,
        released,
        certificate_id,
        genres,
        countries,
        languages,
        imdb_rating,
        imdb_votes,
        award_wins,
        award_nominations,
        matched_by,
        fetched_at,
        case when kind <> 'game' then runtime_minutes end as runtime_minutes,
        case when kind <> 'game' then metascore end as metascore,
        case when kind = 'movie' then box_office end as box_office,
        poster_url
    from {{ ref('int_titles') }}
)

select * from titles
