with titles as (
    select * from {{ ref('titles') }}
    where kind <> 'episode'
),

-- Chosen first, so that lists are made for the titles shown only.
shown as materialized (
    select
        imdb_id,
        kind
    from titles
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_titles') }}
),

columns_of_kinds as (
    {%- for kind, relation, runtime, box_office in [
        ('movie', ref('movies'), 'runtime_minutes', 'box_office'),
        ('series', ref('series'), 'runtime_minutes', 'null'),
        ('game', ref('games'), 'null', 'null'),
    ] %}
    {{ 'union all' if not loop.first }}
    select
        imdb_id,
        '{{ kind }}' as kind,
        rated,
        {{ runtime }}::bigint as runtime_minutes,
        {{ box_office }}::bigint as box_office
    from {{ relation }}
    {%- endfor %}
),

rpt_titles as (
    select
        titles.imdb_id,
        titles.kind,
        titles.title,
        titles.year,
        coalesce(certificates.certificate_name, columns_of_kinds.rated) as certificate,
        columns_of_kinds.runtime_minutes,
        titles.imdb_rating,
        titles.imdb_votes,
        critics_and_audience.critics,
        columns_of_kinds.box_office,
        titles.award_wins,
        titles.award_nominations,
        titles.genres,
        titles.countries,
        titles.languages
    from shown
    inner join titles on shown.imdb_id = titles.imdb_id and shown.kind = titles.kind
    inner join columns_of_kinds
        on shown.imdb_id = columns_of_kinds.imdb_id and shown.kind = columns_of_kinds.kind
    left join {{ ref('certificates') }} as certificates
        on titles.certificate_id = certificates.certificate_id
    left join {{ ref('critics_and_audience') }} as critics_and_audience
        on shown.imdb_id = critics_and_audience.imdb_id
)

select * from rpt_titles
