with columns_of_kinds as (
    {%- for kind, relation, runtime_minutes, box_office, lists in [
        ('movie', ref('movies'), 'runtime_minutes', 'box_office', ['null', 'null', 'null']),
        ('series', ref('series'), 'runtime_minutes', 'null', ['genres', 'countries', 'languages']),
        ('game', ref('games'), 'null', 'null', ['genres', 'countries', 'languages']),
    ] %}
    {{ 'union all' if not loop.first }}
    select
        imdb_id,
        '{{ kind }}' as kind,
        title,
        year,
        certificate_id,
        rated,
        {{ runtime_minutes }}::bigint as runtime_minutes,
        imdb_rating,
        imdb_votes,
        {{ box_office }}::bigint as box_office,
        award_wins,
        award_nominations,
        {{ lists[0] }}::text[] as genres,
        {{ lists[1] }}::text[] as countries,
        {{ lists[2] }}::text[] as languages
    from {{ relation }}
    {%- endfor %}
),

-- Materialized, so that lists are made for the titles shown only.
shown as materialized (
    select * from columns_of_kinds
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_titles') }}
),

{% for dimension, names in [
    ('genre', 'genres'),
    ('country', 'countries'),
    ('language', 'languages'),
] -%}
{{ names }}_of_movies as (
    select
        bridge.imdb_id,
        array_agg({{ names }}.{{ dimension }}_name order by bridge.position) as {{ names }}
    from {{ ref('movie_' ~ names) }} as bridge
    inner join shown on bridge.imdb_id = shown.imdb_id and shown.kind = 'movie'
    inner join {{ ref(names) }} as {{ names }}
        on bridge.{{ dimension }}_id = {{ names }}.{{ dimension }}_id
    group by bridge.imdb_id
),

{% endfor -%}
rpt_titles as (
    select
        shown.imdb_id,
        shown.kind,
        shown.title,
        shown.year,
        coalesce(certificates.certificate_name, shown.rated) as certificate,
        shown.runtime_minutes,
        shown.imdb_rating,
        shown.imdb_votes,
        critics_and_audience.critics,
        shown.box_office,
        shown.award_wins,
        shown.award_nominations,
        coalesce(shown.genres, genres_of_movies.genres, '{}') as genres,
        coalesce(shown.countries, countries_of_movies.countries, '{}') as countries,
        coalesce(shown.languages, languages_of_movies.languages, '{}') as languages
    from shown
    left join {{ ref('certificates') }} as certificates
        on shown.certificate_id = certificates.certificate_id
    left join {{ ref('critics_and_audience') }} as critics_and_audience
        on shown.imdb_id = critics_and_audience.imdb_id and shown.kind = 'movie'
    {%- for names in ['genres', 'countries', 'languages'] %}
    left join {{ names }}_of_movies
        on shown.imdb_id = {{ names }}_of_movies.imdb_id and shown.kind = 'movie'
    {%- endfor %}
)

select * from rpt_titles
