-- Titles that OMDb has called, say, a movie and later a series: the loader keeps both rows.
{{ config(severity='warn', store_failures=true) }}

with titles as (
    {% for kind in ['movies', 'series', 'episodes', 'games'] %}
    select
        imdb_id,
        '{{ kind }}' as mart
    from {{ ref(kind) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    imdb_id,
    array_agg(mart) as marts
from titles
group by imdb_id
having count(*) > 1
