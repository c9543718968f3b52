{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        indexes=[
            {'columns': ['certificate_id']},
            {'columns': ['loaded_at']},
            {'columns': ['title']},
            {'columns': ['year']},
        ],
    )
}}

with details as (
    select * from {{ ref('stg_omdb__movies') }}
),

certificate_names as (
    select * from {{ ref('int_certificate_names') }}
),

-- Texts are cleaned once here, not once for each time that they are looked at below.
due as materialized (
    select * from details
    {% if is_incremental() %}
    where {{ is_due('details', this) }}
    {% endif %}
),

movies as (
    select
        due.imdb_id,
        due.title,
        due.year,
        due.released,
        due.runtime_minutes,
        due.rated,
        certificate_names.certificate_id,
        due.plot,
        due.imdb_rating,
        due.imdb_votes,
        due.metascore,
        due.box_office,
        due.awards,
        {{ award_total('due.awards', 'won') }} as award_wins,
        {{ award_total('due.awards', 'nominated') }} as award_nominations,
        due.dvd,
        due.poster_url,
        due.website,
        due.merged_ids,
        due.unparsed,
        due.extra,
        due.fetched_at,
        due.loaded_at
    from due
    left join certificate_names
        on
            lower(due.rated) = certificate_names.written
            and certificate_names.medium = 'screen'
)

select * from movies
