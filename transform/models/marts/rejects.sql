{{ config(materialized='table', tags=['replaced']) }}

with rejects as (
    select
        reject_id,
        imdb_id,
        source,
        request,
        reason,
        message,
        http_status,
        payload,
        line_number,
        rejected_at
    from {{ ref('stg_omdb__rejects') }}
)

select * from rejects
