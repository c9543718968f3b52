{{ config(materialized='view') }}

{%- set tables = [
    'movies', 'people', 'movie_credits', 'genres', 'movie_genres', 'countries', 'movie_countries',
    'languages', 'movie_languages', 'companies', 'movie_companies', 'certificates',
    'movie_ratings', 'movie_awards', 'rating_history', 'series', 'seasons', 'episodes', 'games',
    'searches', 'rejects', 'syncs', 'dbt_runs',
] %}

with status as (
    select * from {{ ref('int_pipeline_status') }}
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
    inner join status on rejects.rejected_at > status.now_utc - interval '7 days'
    group by rejects.reason
),

problems as (
    select array_agg(checks.problem order by checks.position) as problems
    from status
    cross join
        lateral (
            values
            (
                1,
                status.last_sync_id is null,
                'No sync has been recorded.'
            ),
            (
                2,
                status.now_utc - status.last_sync_ended_at > interval '{{ var("max_sync_age") }}',
                format('The last sync ended %s hours ago.', status.hours_since_last_sync)
            ),
            (
                3,
                status.last_sync_outcome = 'failed',
                'The last sync failed: ' || coalesce(status.last_sync_message, 'no message.')
            ),
            (
                4,
                status.last_dbt_run_at is null,
                'No run of dbt has been recorded.'
            ),
            (
                5,
                status.last_sync_ended_at > status.last_dbt_run_at
                and status.now_utc - status.last_sync_ended_at > interval '1 day'
                and status.last_sync_records ?| array['movies', 'series', 'episodes', 'games'],
                'dbt has not run since the last sync.'
            ),
            (
                6,
                status.is_last_build_failed,
                format(
                    'The last run of dbt failed: %s.',
                    array_to_string(status.last_dbt_run_failed_nodes, ', ')
                )
            ),
            (
                7,
                status.last_tests_failed > 0,
                format(
                    'The last run of the tests failed: %s.',
                    array_to_string(status.last_test_run_failed_nodes, ', ')
                )
            )
        ) as checks (position, is_present, problem)
    where checks.is_present
),

pipeline_health as (
    select
        problems.problems is null as is_healthy,
        coalesce(problems.problems, '{}') as problems,
        status.last_sync_id,
        status.last_sync_outcome,
        status.last_sync_message,
        status.last_sync_ended_at,
        status.hours_since_last_sync,
        newest_data.loaded_at as newest_data_at,
        round(
            extract(epoch from (status.now_utc - newest_data.loaded_at)) / 3600, 1
        )::numeric(12, 1) as hours_since_newest_data,
        status.requests_today,
        status.requests_left_today,
        status.requests_per_day,
        status.pending_titles,
        status.pending_searches,
        round(
            status.pending_titles::numeric / nullif(status.requests_per_day, 0), 1
        )::numeric(12, 1) as days_to_fetch_pending,
        status.known_titles,
        (
            select coalesce(jsonb_object_agg(recent_rejects.reason, recent_rejects.rejects), '{}')
            from recent_rejects
        ) as rejects_last_7_days,
        (
            select count(*) from {{ ref('data_issues') }} as data_issues
            where data_issues.issue = 'unparsed_value'
        ) as unparsed_values,
        searched.percent_seen,
        jsonb_build_object(
            {%- for table in tables %}
            '{{ table }}', (select count(*) from {{ ref(table) }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as table_rows,
        status.last_dbt_run_at,
        status.last_dbt_run_is_successful,
        status.last_test_run_at,
        status.last_tests_failed,
        status.last_tests_warned
    from status
    cross join newest_data
    cross join searched
    cross join problems
)

select * from pipeline_health
