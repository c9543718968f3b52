{#
  Selects every column that the source declares from a raw table.

  The loader creates no table for a deselected stream, and no column for a deselected field.
  Their columns are null here, so that downstream models still build.
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


{#
  When the newest title, search or reject was loaded; null if there is none. A row of syncs is not
  news: a sync that fails each day has one, too. A table is looked up by its columns, because dbt asks
  this for several tables at once, and its cache of relations is then at first incomplete.
#}
{% macro latest_loaded_at() -%}
    select max(loaded_at)
    from (
        select null::timestamp as loaded_at
        {%- for table in graph.sources.values() if table.source_name == 'omdb' and table.name != 'syncs' %}
        {%- set relation = api.Relation.create(table.database, table.schema, table.identifier) %}
        {%- if adapter.get_columns_in_relation(relation) %}
        union all
        select max(_sdc_batched_at) from {{ relation }}
        {%- endif %}
        {%- endfor %}
    ) as newest
{%- endmacro %}
