-- The last sync and what is left of the day's requests; one row, even if there is no sync.
with clock as (
    select now() at time zone 'utc' as now_utc
),

syncs as (
    select * from {{ ref('stg_omdb__syncs') }}
),

last_sync as (
    select * from syncs
    order by ended_at desc nulls last
    limit 1
),

today as (
    select coalesce(sum(syncs.requests), 0)::bigint as requests
    from syncs
    inner join clock on syncs.ended_at::date = clock.now_utc::date
)

select
    clock.now_utc,
    last_sync.sync_id,
    last_sync.outcome,
    last_sync.message,
    last_sync.ended_at,
    round(
        extract(epoch from (clock.now_utc - last_sync.ended_at)) / 3600, 1
    )::numeric(12, 1) as hours_since,
    last_sync.records,
    last_sync.rejects,
    last_sync.pending_titles,
    last_sync.pending_searches,
    last_sync.known_titles,
    -- A sync that was killed has no row, but what is left tells of its requests, too; unless OMDb
    -- itself has declared that nothing is left.
    greatest(
        today.requests,
        case
            when
                last_sync.ended_at::date = clock.now_utc::date
                and last_sync.outcome <> 'quota_reached'
                then last_sync.daily_requests - last_sync.requests_left_today
        end
    ) as requests_today,
    case
        when last_sync.ended_at::date = clock.now_utc::date then last_sync.requests_left_today
        else last_sync.daily_requests
    end as requests_left_today,
    last_sync.daily_requests as requests_per_day
from clock
cross join today
left join last_sync on true
