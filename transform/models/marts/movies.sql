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

with staged as (
    select * from {{ ref('stg_omdb__movies') }}
),

certificate_names as (
    select * from {{ ref('int_certificate_names') }}
),

-- Materialized so that each text is cleaned once, not once per expression below.
changed as materialized (
    select * from staged
    {% if is_incremental() %}
    where {{ is_new_or_changed('staged', this) }}
    {% endif %}
),

movies as (
    select
        changed.imdb_id,
        changed.title,
        changed.year,
        changed.released,
        changed.runtime_minutes,
        changed.rated,
        certificate_names.certificate_id,
        changed.plot,
        changed.imdb_rating,
        changed.imdb_votes,
        changed.metascore,
        changed.box_office,
        changed.awards,
        {{ award_total('changed.awards', 'won') }} as award_wins,
        {{ award_total('changed.awards', 'nominated') }} as award_nominations,
        changed.dvd,
        changed.poster_url,
        changed.website,
        changed.merged_ids,
        changed.unparsed,
        changed.extra,
        changed.matched_by,
        changed.fetched_at,
        changed.loaded_at
    from changed
    left join certificate_names
        on
            lower(changed.rated) = certificate_names.spelling
            and certificate_names.medium = 'screen'
)

select * from movies
