{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        pre_hook="{{ delete_titles_of_another_type('series') }}",
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
    where kind = 'series'
),

series as (
    select
        imdb_id,
        title,
        year,
        year_end,
        year is not null and year_end is null as is_running,
        released,
        runtime_minutes,
        rated,
        certificate_id,
        genres,
        {{ credit_names('director_credits') }} as directors,
        {{ credit_names('writer_credits') }} as writers,
        {{ credit_names('actor_credits') }} as actors,
        languages,
        countries,
        plot,
        imdb_rating,
        imdb_votes,
        metascore,
        awards,
        award_wins,
        award_nominations,
        total_seasons,
        poster_url,
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

select * from series
