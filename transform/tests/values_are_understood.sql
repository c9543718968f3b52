-- What data_issues lists: kept and shown, and a warning here.
{{ config(severity='warn', store_failures=true) }}

select * from {{ ref('data_issues') }}
