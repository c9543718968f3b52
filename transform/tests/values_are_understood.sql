-- What data_issues lists: kept and shown, and a warning here.
{{ config(severity='warn', store_failures=true) }}

select
    kind,
    imdb_id,
    issue,
    field,
    value
from {{ ref('data_issues') }}
