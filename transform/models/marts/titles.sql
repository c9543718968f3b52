{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

{% for list, bridge, dimension in [
    ('genre', 'movie_genres', 'genres'),
    ('country', 'movie_countries', 'countries'),
    ('language', 'movie_languages', 'languages'),
] -%}
{{ dimension }}_of_movies as (
    select
        bridge.imdb_id,
        bridge.position,
        dimension.{{ list }}_name as name
    from {{ ref(bridge) }} as bridge
    inner join {{ ref(dimension) }} as dimension
        on bridge.{{ list }}_id = dimension.{{ list }}_id
),

{% endfor -%}
titles as (
    select
        imdb_id,
        'movie' as kind,
        title,
        year,
        released,
        certificate_id,
        {%- for dimension in ['genres', 'countries', 'languages'] %}
        array(
            select listed.name
            from {{ dimension }}_of_movies as listed
            where listed.imdb_id = movies.imdb_id
            order by listed.position
        ) as {{ dimension }},
        {%- endfor %}
        imdb_rating,
        imdb_votes,
        award_wins,
        award_nominations,
        matched_by,
        fetched_at,
        runtime_minutes,
        metascore,
        box_office,
        poster_url
    from movies
    {%- for kind, relation, runtime, metascore in [
        ('series', ref('series'), 'runtime_minutes', 'metascore'),
        ('episode', ref('episodes'), 'runtime_minutes', 'metascore'),
        ('game', ref('games'), 'null::bigint', 'null::bigint'),
    ] %}
    union all
    select
        imdb_id,
        '{{ kind }}' as kind,
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
        {{ runtime }} as runtime_minutes,
        {{ metascore }} as metascore,
        null::bigint as box_office,
        poster_url
    from {{ relation }}
    {%- endfor %}
)

select * from titles
