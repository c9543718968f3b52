-- Movies with a list, one that is more than commas, of which the mart has nothing.
with details as (
    select * from {{ ref('stg_omdb__movies') }}
)

{% for column, bridge in [
    ('genre', 'movie_genres'),
    ('country', 'movie_countries'),
    ('language', 'movie_languages'),
    ('production', 'movie_companies'),
] %}
select
    details.imdb_id,
    '{{ column }}' as list
from details
where
    details.{{ column }} ~ '[^, ]'
    and not exists (
        select 1 from {{ ref(bridge) }} as bridge
        where bridge.imdb_id = details.imdb_id
    )
union all
{% endfor %}
{% for column, role in [('director', 'director'), ('writer', 'writer'), ('actors', 'actor')] %}
select
    details.imdb_id,
    '{{ column }}' as list
from details
where
    details.{{ column }} ~ '[^, ]'
    and not exists (
        select 1
        from {{ ref('movie_credits') }} as credits
        where credits.imdb_id = details.imdb_id and credits.role = '{{ role }}'
    )
{{ 'union all' if not loop.last }}
{% endfor %}
