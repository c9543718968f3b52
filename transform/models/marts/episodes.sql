{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        indexes=[
            {'columns': ['certificate_id']},
            {'columns': ['loaded_at']},
            {'columns': ['series_id', 'season', 'episode']},
        ],
    )
}}

with staged as (
    select * from {{ ref('stg_omdb__episodes') }}
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

-- Lists are arrays here, with the names that the dimensions of movies use.
episodes as (
    select
        changed.imdb_id,
        changed.series_id,
        changed.season,
        changed.episode,
        changed.title,
        changed.year,
        changed.released,
        changed.runtime_minutes,
        changed.rated,
        certificate_names.certificate_id,
        coalesce({{ split_list('changed.genre') }}, '{}') as genres,
        {{ people_array('changed.director') }} as directors,
        {{ people_array('changed.writer') }} as writers,
        {{ people_array('changed.actors') }} as actors,
        {{ languages_array('changed.language') }} as languages,
        {{ countries_array('changed.country') }} as countries,
        changed.plot,
        changed.imdb_rating,
        changed.imdb_votes,
        changed.metascore,
        changed.awards,
        {{ award_total('changed.awards', 'won') }} as award_wins,
        {{ award_total('changed.awards', 'nominated') }} as award_nominations,
        changed.poster_url,
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

select * from episodes
