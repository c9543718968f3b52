{#
  dbt builds views and tables next to the old ones, swaps them, and drops the old ones with all that
  depends on them (dbt-core #2185): the marts' views, and those of people. The two materializations
  here replace views and rows in place while the columns allow it, so what depends on them stays, and
  so do grants. Otherwise dbt's own follow, after a warning of what they drop.
#}

{% materialization view, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- if existing is not none and not (existing.is_view and view_takes_columns_of(sql)) -%}
        {%- do run_query(drop_probe()) -%}
        {%- do warn_of_objects_dropped_with(existing) -%}
        {{ return(materialization_view_default()) }}
    {%- endif -%}
    {{ return(replace_in_place(existing, target, get_replace_view_sql(target, sql))) }}
{% endmaterialization %}


{% materialization table, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- if existing is none or should_full_refresh()
        or not (existing.is_table and table_has_columns_of(sql)) -%}
        {%- do run_query(drop_probe()) -%}
        {%- do warn_of_objects_dropped_with(existing) -%}
        {{ return(materialization_table_default()) }}
    {%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(existing) | map(attribute='name') | join(', ') -%}
    {%- set replacement -%}
        delete from {{ target }};
        insert into {{ target }} ({{ columns }})
        select {{ columns }} from ({{ sql }}) as built
    {%- endset -%}
    {{ return(replace_in_place(existing, target, replacement)) }}
{% endmaterialization %}


{# Runs the statements that replace a relation, with all that a materialization has to do besides. #}
{% macro replace_in_place(existing, target, replacement) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ drop_probe() }};
        {{ replacement }}
    {%- endcall %}
    {% do apply_grants(target, config.get('grants'), should_revoke(existing, full_refresh_mode=false)) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}


{# Whether Postgres can replace this view by a query: it can only add columns, at the end. #}
{% macro view_takes_columns_of(sql) -%}
    {%- set differs -%}
        (new.attname, new.atttypid, new.atttypmod, new.attcollation, new.attnum)
        is distinct from (old.attname, old.atttypid, old.atttypmod, old.attcollation, old.attnum)
        and old.attname is not null
    {%- endset -%}
    {{ return(_columns_fit(sql, differs)) }}
{%- endmacro %}


{# Whether this table has the columns of a query, with the same types. #}
{% macro table_has_columns_of(sql) -%}
    {{ return(_columns_fit(sql, 'new.atttypid is distinct from old.atttypid')) }}
{%- endmacro %}


{# Leaves a temporary view of the query, which takes no time to make, for drop_probe. #}
{% macro _columns_fit(sql, differs) -%}
    {%- set query -%}
        create temporary view {{ this.identifier }}__columns as ({{ sql }});
        select not exists (
            select 1
            from (
                select * from pg_attribute
                where attrelid = to_regclass('{{ this }}') and attnum > 0 and not attisdropped
            ) as old
            full join (
                select * from pg_attribute
                where attrelid = to_regclass('pg_temp.{{ this.identifier }}__columns') and attnum > 0
            ) as new on old.attname = new.attname
            where {{ differs }}
        )
    {%- endset -%}
    {{ return(run_query(query).columns[0][0]) }}
{%- endmacro %}


{# Drops the temporary view by which columns were compared. #}
{% macro drop_probe() -%}
    drop view if exists pg_temp.{{ this.identifier }}__columns
{%- endmacro %}


{# Warns of what other people have built on a relation, which is dropped with it. #}
{% macro warn_of_objects_dropped_with(relation) -%}
    {%- set query -%}
        with recursive dependents (classid, objid) as (
            select 'pg_class'::regclass::oid, to_regclass('{{ relation }}')::oid
            union
            select
                case when pg_rewrite.oid is null then pg_depend.classid else 'pg_class'::regclass end,
                coalesce(pg_rewrite.ev_class, pg_depend.objid)
            from dependents
            inner join pg_depend
                on dependents.classid = pg_depend.refclassid and dependents.objid = pg_depend.refobjid
            left join pg_rewrite
                on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
            where pg_depend.deptype in ('n', 'i')
        )

        select identified.type || ' ' || identified.identity
        from dependents
        cross join lateral pg_identify_object(classid, objid, 0) as identified
        where
            identified.type in ('view', 'materialized view', 'function', 'table constraint', 'policy')
            and identified.identity !~ '(^| on ){{ target.schema }}_[a-z_]+\.'
        order by 1
    {%- endset -%}
    {%- set objects = run_query(query).columns[0].values() -%}
    {%- if objects -%}
        {%- do exceptions.warn(
            relation.schema ~ '.' ~ relation.identifier ~ ' is dropped and created again, and with it goes '
            ~ 'what is not of this project: ' ~ objects | join(', ')
            ~ '. docs/operations.md describes how to keep it.'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{# Pre-hook: warns of what is dropped with a table that is rebuilt with --full-refresh. #}
{% macro warn_before_full_refresh() -%}
    {%- if execute and config.get('materialized') in ('incremental', 'seed') and should_full_refresh() -%}
        {%- set existing = load_cached_relation(this) -%}
        {%- if existing is not none -%}
            {%- do warn_of_objects_dropped_with(existing) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#
  Post-hook, after the transaction: names the primary key after the table, for which dbt has made it
  under another name while the old table had that one.
#}
{% macro name_primary_key() -%}
    {%- if config.get('materialized') in ('table', 'incremental') and not is_incremental() -%}
        do $$
        declare
            key text;
        begin
            select conname into key
            from pg_constraint
            where conrelid = '{{ this }}'::regclass and contype = 'p';
            if key <> '{{ this.identifier }}_pkey' then
                execute format('alter table {{ this }} rename constraint %I to {{ this.identifier }}_pkey', key);
            end if;
        end
        $$
    {%- endif -%}
{%- endmacro %}
