{{ config(materialized='table', tags=['replaced']) }}

with titles as (
    {%- for kind, relation in [
        ('movie', ref('movies')),
        ('series', ref('series')),
        ('episode', ref('episodes')),
        ('game', ref('games')),
    ] %}
    select
        '{{ kind }}' as kind,
        imdb_id,
        rated,
        certificate_id,
        awards,
        award_wins,
        unparsed,
        extra
    from {{ relation }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

issues as (
    select
        titles.kind,
        titles.imdb_id,
        'unparsed_value' as issue,
        field.key as field,
        field.value
    from titles
    cross join lateral jsonb_each_text(titles.unparsed) as field
    union all
    select
        titles.kind,
        titles.imdb_id,
        'unknown_field' as issue,
        field.key as field,
        field.value
    from titles
    cross join lateral jsonb_each_text(titles.extra) as field
    union all
    select
        kind,
        imdb_id,
        'unparsed_awards' as issue,
        'awards' as field,
        awards as value
    from titles
    where awards is not null and award_wins is null
    union all
    select
        kind,
        imdb_id,
        'unknown_certificate' as issue,
        'rated' as field,
        rated as value
    from titles
    where rated is not null and certificate_id is null
    union all
    select
        'movie' as kind,
        bridge.imdb_id,
        'unknown_country' as issue,
        'country' as field,
        countries.country_name as value
    from {{ ref('countries') }} as countries
    inner join {{ ref('movie_countries') }} as bridge on countries.country_id = bridge.country_id
    where not countries.is_known
    union all
    select
        'movie' as kind,
        bridge.imdb_id,
        'unknown_language' as issue,
        'language' as field,
        languages.language_name as value
    from {{ ref('languages') }} as languages
    inner join {{ ref('movie_languages') }} as bridge on languages.language_id = bridge.language_id
    where not languages.is_known
    union all
    select
        'movie' as kind,
        imdb_id,
        'unparsed_rating' as issue,
        rating_source as field,
        rating_text as value
    from {{ ref('movie_ratings') }}
    where score_100 is null
    union all
    select
        'movie' as kind,
        titles.imdb_id,
        'duplicate_rating' as issue,
        rating ->> 'source' as field,
        rating ->> 'value' as value
    from {{ ref('int_titles') }} as titles
    cross join lateral unnest(titles.ratings) with ordinality as listed (rating, position)
    where
        titles.kind = 'movie'
        and exists (
            select 1
            from unnest(titles.ratings[:listed.position - 1]) as earlier
            where earlier ->> 'source' = listed.rating ->> 'source'
        )
    union all
    select
        titles.kind,
        titles.imdb_id,
        'former_type' as issue,
        'type' as field,
        formerly.kind as value
    from {{ ref('stg_omdb__titles') }} as formerly
    inner join {{ ref('int_titles') }} as titles
        on formerly.imdb_id = titles.imdb_id and formerly.kind <> titles.kind
    where formerly.loaded_at <= titles.loaded_at
    union all
    select
        'movie' as kind,
        credits.imdb_id,
        'unusual_name' as issue,
        credits.role as field,
        people.person_name as value
    from {{ ref('people') }} as people
    inner join {{ ref('movie_credits') }} as credits on people.person_id = credits.person_id
    where people.person_name ~ '[][()<>{}"/;:&]|^\W|,|\d{3}' or length(people.person_name) > 60
)

select * from issues
