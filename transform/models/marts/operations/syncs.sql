{{ config(materialized='view') }}

with syncs as (
    select
        sync_id,
        started_at,
        ended_at,
        extract(epoch from ended_at - started_at)::numeric(12, 3) as duration_seconds,
        outcome,
        message,
        requests,
        retries,
        responses_reused,
        daily_requests,
        requests_left_today,
        records,
        rejects,
        unparsed_values,
        pending_titles,
        pending_searches,
        known_titles,
        tap_version
    from {{ ref('stg_omdb__syncs') }}
)

select * from syncs
