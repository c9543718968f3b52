-- The marts are read by name: this is ephemeral, and adds no dependency to what includes it.
{%- set marts = target.schema ~ '_marts' %}

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
