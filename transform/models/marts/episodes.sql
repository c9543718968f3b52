{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        indexes=[
            {'columns': ['loaded_at']},
            {'columns': ['series_id', 'season', 'episode']},
        ],
    )
}}

with titles as (
    select * from {{ ref('int_other_titles') }}
    where kind = 'episode'
),

details as (
    select * from {{ ref('stg_omdb__episodes') }}
),

due as (
    select * from titles
    {% if is_incremental() %}
    where {{ is_due('titles', this) }}
    {% endif %}
),

episodes as (
    select
        due.imdb_id,
        details.series_id,
        details.season,
        details.episode,
        due.title,
        due.year,
        due.released,
        due.runtime_minutes,
        due.rated,
        due.certificate_id,
        due.genres,
        due.directors,
        due.writers,
        due.actors,
        due.languages,
        due.countries,
        due.plot,
        due.imdb_rating,
        due.imdb_votes,
        due.metascore,
        due.awards,
        due.award_wins,
        due.award_nominations,
        due.poster_url,
        due.merged_ids,
        due.unparsed,
        due.extra,
        due.fetched_at,
        due.loaded_at
    from due
    inner join details on due.imdb_id = details.imdb_id
)

select * from episodes
