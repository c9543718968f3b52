-- What is done once for all types of title: texts are cleaned, lists split, names standardized.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='imdb_id',
        on_schema_change='append_new_columns',
        indexes=[
            {'columns': ['imdb_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ],
    )
}}

with spellings as (
    select * from {{ ref('int_spellings') }}
),

{% set staged = ref('stg_omdb__titles') -%}
-- If a title's type has changed in OMDb, the loader keeps a row of each type.
newest as (
    select staged.* from {{ staged }} as staged
    where
        not exists (
            select 1 from {{ staged }} as newer
            where
                newer.imdb_id = staged.imdb_id
                and newer.kind <> staged.kind
                and (newer.loaded_at, newer.kind) > (staged.loaded_at, staged.kind)
        )
),

{% if is_incremental() -%}
changed_keys as materialized (
    select
        imdb_id,
        kind
    from newest
    where {{ is_new_or_changed('newest', this, key=['imdb_id', 'kind']) }}
),

{% endif -%}
-- Materialized so that each text is cleaned once, not once per expression below.
changed as materialized (
    {% if is_incremental() -%}
    select staged.* from changed_keys
    cross join
        lateral (
            select * from {{ staged }} as one
            where one.imdb_id = changed_keys.imdb_id and one.kind = changed_keys.kind
            -- Otherwise, Postgres would clean the texts of all titles before it joins them.
            offset 0 -- noqa: AM09
        ) as staged
    {% else -%}
    select * from newest
    {% endif %}
),

titles as (
    select
        changed.kind,
        changed.imdb_id,
        changed.title,
        changed.year,
        changed.year_end,
        changed.total_seasons,
        changed.series_id,
        changed.season,
        changed.episode,
        changed.released,
        changed.runtime_minutes,
        changed.rated,
        spellings.id as certificate_id,
        {{ distinct_items(split_list('changed.genre')) }} as genres,
        {{ standard_names(
            'country', split_list('changed.country'), 'listed.item'
        ) }} as countries,
        {{ standard_names(
            'language',
            split_list('changed.language', language_suffix_pattern()),
            full_language_name('listed.item')
        ) }} as languages,
        {{ standard_names(
            'company',
            split_list('changed.production', company_suffix_pattern(), company_separator()),
            'listed.item'
        ) }} as companies,
        {%- for list, column in [
            ('director', 'director'), ('writer', 'writer'), ('actor', 'actors')
        ] %}
        coalesce({{ split_list('changed.' ~ column, person_suffix_pattern()) }}, '{}')
            as {{ list }}_credits,
        {%- endfor %}
        changed.plot,
        changed.imdb_rating,
        changed.imdb_votes,
        changed.metascore,
        changed.ratings,
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
    left join spellings
        on
            lower(changed.rated) = spellings.spelling
            and spellings.vocabulary
            = case changed.kind when 'game' then 'game' else 'screen' end || ' certificate'
)

select * from titles
