-- Movies with a non-empty list that has no rows in the mart.
with staged as (
    select staged.*
    from {{ ref('stg_omdb__titles') }} as staged
    inner join {{ ref('movies') }} as movies
        on staged.imdb_id = movies.imdb_id and staged.kind = 'movie'
)

{% for column, bridge in [
    ('genre', 'movie_genres'),
    ('country', 'movie_countries'),
    ('language', 'movie_languages'),
    ('production', 'movie_companies'),
] %}
select
    staged.imdb_id,
    '{{ column }}' as list
from staged
where
    staged.{{ column }} ~ '[^, ]'
    and not exists (
        select 1 from {{ ref(bridge) }} as bridge
        where bridge.imdb_id = staged.imdb_id
    )
union all
{% endfor %}
{% for column, role in [('director', 'director'), ('writer', 'writer'), ('actors', 'actor')] %}
select
    staged.imdb_id,
    '{{ column }}' as list
from staged
where
    staged.{{ column }} ~ '[^, ]'
    and not exists (
        select 1
        from {{ ref('movie_credits') }} as credits
        where credits.imdb_id = staged.imdb_id and credits.role = '{{ role }}'
    )
{{ 'union all' if not loop.last }}
{% endfor %}
