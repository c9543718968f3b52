-- Values listed in data_issues: kept, but worth a look.
{{ config(severity='warn', store_failures=true) }}

select
    kind,
    imdb_id,
    issue,
    field,
    value
from {{ ref('data_issues') }}
