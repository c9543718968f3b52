-- Titles that OMDb has called, say, a movie and later a series: the loader keeps both rows.
{{ config(severity='warn', store_failures=true) }}

select
    imdb_id,
    array_agg(kind) as kinds
from {{ ref('titles') }}
group by imdb_id
having count(*) > 1
