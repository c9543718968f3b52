-- Titles whose type has changed in OMDb, say from movie to series: the loader keeps both rows.
{{ config(severity='warn', store_failures=true) }}

select
    imdb_id,
    array_agg(kind) as kinds
from {{ ref('titles') }}
group by imdb_id
having count(*) > 1
