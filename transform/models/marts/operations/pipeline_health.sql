{%- set kinds = ['movies', 'series', 'episodes', 'games'] -%}
{%- set max_age = var('max_sync_age') -%}
{{ config(materialized='view') }}

with last_sync as (
    select * from {{ ref('int_last_sync') }}
),

syncs as (
    select
        stg_omdb__syncs.*,
        records ?| array{{ kinds }} as has_titles
    from {{ ref('stg_omdb__syncs') }} as stg_omdb__syncs
),

last_run as (
    select * from {{ ref('dbt_runs') }}
    where command <> 'test'
    order by started_at desc
    limit 1
),

last_test_run as (
    select * from {{ ref('dbt_runs') }}
    where tests > 0
    order by started_at desc
    limit 1
),

not_built as (
    select min(syncs.ended_at) as since
    from syncs
    inner join last_run on syncs.ended_at > last_run.started_at
    where syncs.has_titles
),

-- The days of late, if each of their syncs ended without a title, because no request was left.
starved as (
    select count(distinct syncs.ended_at::date) as days
    from syncs
    inner join last_sync on syncs.ended_at > last_sync.now_utc - interval '3 days'
    having
        bool_and(
            syncs.outcome in ('budget_exhausted', 'quota_reached')
            and not coalesce(syncs.has_titles, false)
        )
),

figures as (
    {{ figures_of_marts(this.schema) }}
),

problems as (
    select
        array_remove(
            array[
                case when last_sync.sync_id is null then 'No sync has been recorded.' end,
                case
                    when last_sync.now_utc - interval '{{ max_age }}' > last_sync.ended_at
                        then format('The last sync ended %s hours ago.', last_sync.hours_since)
                end,
                case
                    when last_sync.ended_at > last_sync.now_utc + interval '5 minutes'
                        then 'The last sync ended in the future.'
                end,
                case
                    when last_sync.outcome = 'failed'
                        then 'The last sync failed: ' || coalesce(last_sync.message, 'no message.')
                end,
                case
                    when last_sync.rejects >= 20 and not last_sync.records ?| array{{ kinds }}
                        then
                            format(
                                'The last sync rejected all that it requested: %s.',
                                last_sync.rejects
                            )
                end,
                case
                    when starved.days > 1
                        then
                            format(
                                'On each of the last %s days, no request was left for a title.',
                                starved.days
                            )
                end,
                case when last_run.started_at is null then 'No run of dbt has been recorded.' end,
                case
                    when not_built.since < last_sync.now_utc - interval '1 day'
                        then 'dbt has not run since the last sync.'
                end,
                case
                    when
                        cardinality(last_run.failed_nodes) > last_run.tests_failed
                        or (not last_run.is_successful and last_run.failed_nodes = '{}')
                        then
                            format(
                                'The last run of dbt failed: %s.',
                                coalesce(
                                    nullif(array_to_string(last_run.failed_nodes, ', '), ''),
                                    'killed, or not started'
                                )
                            )
                end,
                case
                    when last_test_run.tests_failed > 0
                        then
                            format(
                                'The last run of the tests failed: %s.',
                                array_to_string(last_test_run.failed_nodes, ', ')
                            )
                end
            ],
            null
        ) as problems
    from last_sync
    cross join not_built
    left join starved on true
    left join last_run on true
    left join last_test_run on true
),

pipeline_health as (
    select
        problems.problems = '{}' as is_healthy,
        problems.problems,
        last_sync.sync_id as last_sync_id,
        last_sync.outcome as last_sync_outcome,
        last_sync.message as last_sync_message,
        last_sync.ended_at as last_sync_ended_at,
        last_sync.hours_since as hours_since_last_sync,
        figures.newest_data_at,
        round(
            extract(epoch from (last_sync.now_utc - figures.newest_data_at)) / 3600, 1
        )::numeric(12, 1) as hours_since_newest_data,
        last_sync.requests_today,
        last_sync.requests_left_today,
        last_sync.requests_per_day,
        last_sync.pending_titles,
        last_sync.pending_searches,
        round(
            last_sync.pending_titles::numeric / nullif(last_sync.requests_per_day, 0), 1
        )::numeric(12, 1) as days_to_fetch_pending,
        last_sync.known_titles,
        coalesce(figures.rejects_last_7_days, '{}') as rejects_last_7_days,
        figures.unparsed_values,
        figures.percent_seen,
        figures.table_rows,
        last_run.started_at as last_dbt_run_at,
        last_run.is_successful as last_dbt_run_is_successful,
        last_test_run.started_at as last_test_run_at,
        last_test_run.tests_failed as last_tests_failed,
        last_test_run.tests_warned as last_tests_warned
    from last_sync
    left join last_run on true
    left join last_test_run on true
    cross join figures
    cross join problems
)

select * from pipeline_health
