{#
  On-run-end hook: inserts the invocation into dbt_runs, if that table exists. If the insert fails
  (a read-only database, missing privileges), Postgres raises a warning instead, because a missing
  record is no reason to fail a build.
#}
{% macro record_dbt_run(results) -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot') -%}
        {%- set model = graph.nodes['model.' ~ project_name ~ '.dbt_runs'] -%}
        {%- set dbt_runs = adapter.get_relation(model.database, model.schema, model.alias) -%}
        {%- if dbt_runs -%}
            {%- set ended_at = modules.datetime.datetime.now(run_started_at.tzinfo) -%}
            {%- set nodes = {} -%}
            {%- set tests = [] -%}
            {%- set failed = [] -%}
            {%- for result in results -%}
                {%- set status = result.status | string -%}
                {%- do nodes.update({status: nodes.get(status, 0) + 1}) -%}
                {%- if result.node.resource_type in ('test', 'unit_test') -%}
                    {%- do tests.append(status) -%}
                {%- endif -%}
                {%- if status in ('error', 'fail', 'runtime error') -%}
                    {%- do failed.append(result.node.name) -%}
                {%- endif -%}
            {%- endfor %}
            do $record_dbt_run$
            begin
                insert into {{ dbt_runs }} (
                    invocation_id,
                    command,
                    started_at,
                    duration_seconds,
                    is_successful,
                    nodes,
                    tests,
                    tests_failed,
                    tests_warned,
                    failed_nodes
                )
                values (
                    '{{ invocation_id }}',
                    '{{ flags.WHICH }}',
                    '{{ run_started_at.astimezone(modules.pytz.utc).replace(tzinfo=none) }}',
                    {{ (ended_at - run_started_at).total_seconds() }},
                    {{ not failed }},
                    '{{ tojson(nodes) }}',
                    {{ tests | length }},
                    {{ tests | select('in', ('error', 'fail', 'runtime error')) | list | length }},
                    {{ tests | select('equalto', 'warn') | list | length }},
                    '{% raw %}{{% endraw %}{{ failed[:100] | join(",") }}{% raw %}}{% endraw %}'
                );
            exception when others then
                raise warning '%', sqlerrm;
            end
            $record_dbt_run$
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Overrides dbt's macro, which knows no other language than sql, and keeps Postgres from parallel plans. #}
{% macro postgres__scalar_function_body_sql() -%}
    $function$
    {{ model.compiled_code }}
    $function$ language {{ model.config.meta.get('language', 'sql') }}
    parallel {{ model.config.meta.get('parallel', 'unsafe') }}
{%- endmacro %}


{#
  The result of the query in the body, one value as text, without a dependency on what it reads: a
  view that depends on a table is dropped when that table is rebuilt, and if the build then fails,
  stays away when it is needed most.
#}
{% macro figure_of() -%}
    {{ function('figure') }}($figure$ {{ caller() }} $figure$)
{%- endmacro %}


{# Figures of the marts in a schema for pipeline_health, which does not depend on the marts: see `figure_of`. #}
{% macro figures_of_marts(marts) -%}
    select
        {% call figure_of() -%}
            select max(loaded_at) from (
                {%- for kind in ['movies', 'series', 'episodes', 'games'] %}
                select max(loaded_at) as loaded_at from {{ marts }}.{{ kind }}
                {{ 'union all' if not loop.last }}
                {%- endfor %}
            ) as titles
        {%- endcall %}::timestamp as newest_data_at,
        {% call figure_of() -%}
            select round(100.0 * sum(hits) / nullif(sum(total_results), 0), 1) from {{ marts }}.searches
        {%- endcall %}::numeric(6, 1) as percent_seen,
        {% call figure_of() -%}
            select jsonb_object_agg(reason, number)
            from (
                select reason, count(*) as number
                from {{ marts }}.rejects
                where rejected_at > now() at time zone 'utc' - interval '7 days'
                group by reason
            ) as recent
        {%- endcall %}::jsonb as rejects_last_7_days,
        {% call figure_of() -%}
            select count(*) from {{ marts }}.data_issues where issue = 'unparsed_value'
        {%- endcall %}::bigint as unparsed_values,
        (
            select
                jsonb_object_agg(
                    relname,
                    {{ function('figure') }}(
                        format('select count(*) from %I.%I', '{{ marts }}', relname)
                    )::bigint
                )
            from pg_class
            where
                relnamespace = '{{ marts }}'::regnamespace
                -- Of the views, only those whose rows are kept elsewhere.
                and (relkind = 'r' or relname in ('rating_history', 'syncs'))
        ) as table_rows
{%- endmacro %}
