{#
  The rows of a raw table, with every column that the source declares.

  The tap makes no table for a stream that is not selected, and no column for a
  field that is not. Both are nulls here, so that what depends on them still builds.
#}
{% macro raw_table(name) %}
    {%- set relation = source('omdb', name) -%}
    {%- if relation.is_cte -%} {# the fixture of a unit test #}
        select * from {{ relation }}
    {%- elif execute -%}
        {%- set table = graph.sources.values()
            | selectattr('source_name', 'equalto', 'omdb')
            | selectattr('name', 'equalto', name)
            | first -%}
        {%- set loaded = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        select
        {%- for column in table.columns.values() %}
            {{ column.name if column.name in loaded else 'null' }}::{{ column.data_type }}
            as {{ column.name }} {{- ',' if not loop.last }}
        {%- endfor %}
        {{ 'from ' ~ relation if loaded else 'where false' }}
    {%- else -%}
        select * from {{ relation }}
    {%- endif -%}
{% endmacro %}


{# When the newest row of any raw table was loaded; null if there is none. #}
{% macro newest_row() -%}
    select max(loaded_at)
    from (
        select null::timestamp as loaded_at
        {%- for table in graph.sources.values() if table.source_name == 'omdb' %}
        {%- set relation = adapter.get_relation(table.database, table.schema, table.identifier) %}
        {%- if relation %}
        union all
        select max(_sdc_batched_at) from {{ relation }}
        {%- endif %}
        {%- endfor %}
    ) as newest
{%- endmacro %}
