-- The last sync and the last runs of dbt; one row, even if there is none of them.
with clock as (
    select now() at time zone 'utc' as now_utc
),

syncs as (
    select * from {{ ref('stg_omdb__syncs') }}
),

dbt_runs as (
    select * from {{ ref('dbt_runs') }}
),

last_sync as (
    select * from syncs
    order by ended_at desc nulls last
    limit 1
),

-- The day (UTC) of the last sync.
last_day as (
    select
        last_sync.ended_at::date as day,
        sum(syncs.requests)::bigint as requests
    from last_sync
    inner join syncs on last_sync.ended_at::date = syncs.ended_at::date
    group by last_sync.ended_at::date
),

last_run as (
    select * from dbt_runs
    order by started_at desc
    limit 1
),

last_test_run as (
    select * from dbt_runs
    where tests > 0
    order by started_at desc
    limit 1
)

select
    clock.now_utc,
    last_sync.sync_id as last_sync_id,
    last_sync.outcome as last_sync_outcome,
    last_sync.message as last_sync_message,
    last_sync.ended_at as last_sync_ended_at,
    round(
        extract(epoch from (clock.now_utc - last_sync.ended_at)) / 3600, 1
    )::numeric(12, 1) as hours_since_last_sync,
    last_sync.records as last_sync_records,
    last_sync.pending_titles,
    last_sync.pending_searches,
    last_sync.known_titles,
    case when last_day.day = clock.now_utc::date then last_day.requests else 0 end
        as requests_today,
    case
        when last_day.day = clock.now_utc::date then last_sync.requests_left_today
        else last_day.requests + last_sync.requests_left_today
    end as requests_left_today,
    last_day.requests + last_sync.requests_left_today as requests_per_day,
    last_run.started_at as last_dbt_run_at,
    last_run.is_successful as last_dbt_run_is_successful,
    cardinality(last_run.failed_nodes) > last_run.tests_failed as is_last_build_failed,
    last_run.failed_nodes as last_dbt_run_failed_nodes,
    last_test_run.started_at as last_test_run_at,
    last_test_run.tests_failed as last_tests_failed,
    last_test_run.tests_warned as last_tests_warned,
    last_test_run.failed_nodes as last_test_run_failed_nodes
from clock
left join last_sync on true
left join last_day on true
left join last_run on true
left join last_test_run on true
