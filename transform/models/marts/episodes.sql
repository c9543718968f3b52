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

with details as (
    select * from {{ ref('stg_omdb__episodes') }}
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

-- Lists stay with their title, as arrays of the names that the dimensions of movies use.
episodes as (
    select
        due.imdb_id,
        due.series_id,
        due.season,
        due.episode,
        due.title,
        due.year,
        due.released,
        due.runtime_minutes,
        due.rated,
        certificate_names.certificate_id,
        coalesce({{ split_list('due.genre') }}, '{}') as genres,
        {{ people_array('due.director') }} as directors,
        {{ people_array('due.writer') }} as writers,
        {{ people_array('due.actors') }} as actors,
        {{ languages_array('due.language') }} as languages,
        {{ countries_array('due.country') }} as countries,
        due.plot,
        due.imdb_rating,
        due.imdb_votes,
        due.metascore,
        due.awards,
        {{ award_total('due.awards', 'won') }} as award_wins,
        {{ award_total('due.awards', 'nominated') }} as award_nominations,
        due.poster_url,
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

select * from episodes
