{#
  Overrides dbt's macro, which lists a relation's columns twice and writes all comments each time.
  This one reads the comments, and writes only those that differ: mostly those of new relations.
#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set for_relation = for_relation and config.persist_relation_docs() -%}
    {%- set for_columns = for_columns and config.persist_column_docs() -%}
    {%- if for_relation or for_columns -%}
        {%- set existing = existing_comments(relation) -%}
        {%- set statements = [] -%}
        {%- if for_relation and model.description != existing.pop('') -%}
            {%- do statements.append(alter_relation_comment(relation, model.description)) -%}
        {%- endif -%}
        {%- if for_columns -%}
            {%- for column in validate_doc_columns(relation, model.columns, existing).values() -%}
                {%- if column.description != existing[column.name] -%}
                    {%- set comment = postgres_escape_comment(column.description) -%}
                    {%- do statements.append(
                        'comment on column ' ~ relation ~ '.' ~ column.name ~ ' is ' ~ comment ~ ';'
                    ) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if statements -%}
            {%- do run_query(statements | join) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Comments on a relation, by name of the column; its own has an empty name. #}
{% macro existing_comments(relation) -%}
    {%- set query -%}
        select
            '',
            coalesce(obj_description('{{ relation }}'::regclass, 'pg_class'), '')
        union all
        select
            attname,
            coalesce(col_description(attrelid, attnum), '')
        from pg_attribute
        where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
    {%- endset -%}
    {%- set comments = {} -%}
    {%- for row in run_query(query) -%}
        {%- do comments.update({row[0] or '': row[1] or ''}) -%}
    {%- endfor -%}
    {%- do return(comments) -%}
{%- endmacro %}
