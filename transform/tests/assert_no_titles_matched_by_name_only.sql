-- Titles found by name whose year was not given, or differs: they may be the wrong ones.
{{ config(severity='warn', store_failures=true) }}

select
    kind,
    imdb_id,
    title,
    year
from {{ ref('titles') }}
where matched_by = 'title'
