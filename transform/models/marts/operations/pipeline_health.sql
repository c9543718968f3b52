{{ config(materialized='view') }}

with last_sync as (
    select * from {{ ref('int_last_sync') }}
),

last_run as (
    select * from {{ ref('dbt_runs') }}
    order by started_at desc
    limit 1
),

last_test_run as (
    select * from {{ ref('dbt_runs') }}
    where tests > 0
    order by started_at desc
    limit 1
),

newest_data as (
    select max(newest.loaded_at) as loaded_at
    from (
        {%- for table in ['movies', 'series', 'episodes', 'games'] %}
        select max(loaded_at) as loaded_at from {{ ref(table) }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as newest
),

searched as (
    select
        round(
            100.0 * sum(hits) / nullif(sum(total_results), 0), 1
        )::numeric(6, 1) as percent_seen
    from {{ ref('searches') }}
),

recent_rejects as (
    select
        rejects.reason,
        count(*) as rejects
    from {{ ref('rejects') }} as rejects
    inner join last_sync on rejects.rejected_at > last_sync.now_utc - interval '7 days'
    group by rejects.reason
),

problems as (
    select array_agg(checks.problem order by checks.position) as problems
    from last_sync
    left join last_run on true
    left join last_test_run on true
    cross join
        lateral (
            values
            (
                1,
                last_sync.sync_id is null,
                'No sync has been recorded.'
            ),
            (
                2,
                last_sync.now_utc - last_sync.ended_at > interval '{{ var("max_sync_age") }}',
                format('The last sync ended %s hours ago.', last_sync.hours_since)
            ),
            (
                3,
                last_sync.outcome = 'failed',
                'The last sync failed: ' || coalesce(last_sync.message, 'no message.')
            ),
            (
                4,
                last_run.started_at is null,
                'No run of dbt has been recorded.'
            ),
            (
                5,
                last_sync.ended_at > last_run.started_at
                and last_sync.now_utc - last_sync.ended_at > interval '1 day'
                and last_sync.records ?| array['movies', 'series', 'episodes', 'games'],
                'dbt has not run since the last sync.'
            ),
            (
                6,
                cardinality(last_run.failed_nodes) > last_run.tests_failed,
                format(
                    'The last run of dbt failed: %s.',
                    array_to_string(last_run.failed_nodes, ', ')
                )
            ),
            (
                7,
                last_test_run.tests_failed > 0,
                format(
                    'The last run of the tests failed: %s.',
                    array_to_string(last_test_run.failed_nodes, ', ')
                )
            )
        ) as checks (position, is_present, problem)
    where checks.is_present
),

pipeline_health as (
    select
        problems.problems is null as is_healthy,
        coalesce(problems.problems, '{}') as problems,
        last_sync.sync_id as last_sync_id,
        last_sync.outcome as last_sync_outcome,
        last_sync.message as last_sync_message,
        last_sync.ended_at as last_sync_ended_at,
        last_sync.hours_since as hours_since_last_sync,
        newest_data.loaded_at as newest_data_at,
        round(
            extract(epoch from (last_sync.now_utc - newest_data.loaded_at)) / 3600, 1
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
        (
            select coalesce(jsonb_object_agg(recent_rejects.reason, recent_rejects.rejects), '{}')
            from recent_rejects
        ) as rejects_last_7_days,
        (
            select count(*) from {{ ref('data_issues') }} as data_issues
            where data_issues.issue = 'unparsed_value'
        ) as unparsed_values,
        searched.percent_seen,
        (
            {{ function('row_counts') }}('{{ this.schema }}')
            -- Views whose rows are kept elsewhere.
            {%- for view in ['rating_history', 'syncs'] %}
            || jsonb_build_object('{{ view }}', (select count(*) from {{ ref(view) }}))
            {%- endfor %}
        ) as table_rows,
        last_run.started_at as last_dbt_run_at,
        last_run.is_successful as last_dbt_run_is_successful,
        last_test_run.started_at as last_test_run_at,
        last_test_run.tests_failed as last_tests_failed,
        last_test_run.tests_warned as last_tests_warned
    from last_sync
    left join last_run on true
    left join last_test_run on true
    cross join newest_data
    cross join searched
    cross join problems
)

select * from pipeline_health
