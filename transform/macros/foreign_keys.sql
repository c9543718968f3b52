{#
  Foreign keys are declared in the contracts like other constraints, but made here, when the
  table is filled: all rows are checked at once, the tables that are pointed at are locked for
  a moment and not for as long as it takes to fill, and a key that has gone comes back with the
  next build. (dbt builds a table anew beside the old one, swaps the two and drops the old one
  with all that hangs on it: rebuilding a dimension takes the keys that point at it away.)
#}

{# dbt's own macro, but for foreign keys. #}
{% macro postgres__get_table_columns_and_constraints() -%}
    {%- set others = model['constraints'] | rejectattr('type', 'equalto', 'foreign_key') | list -%}
    (
        {{
            (
                adapter.render_raw_columns_constraints(raw_columns=model['columns'])
                + adapter.render_raw_model_constraints(raw_constraints=others)
            ) | join(', ')
        }}
    )
{%- endmacro %}


{# As a post-hook of every mart. A key that the rows do not allow is left off, and a test says so. #}
{% macro add_foreign_keys() -%}
    {%- for key in model['constraints'] if key['type'] == 'foreign_key' %}
        do $$
        begin
            if not exists (
                select 1
                from pg_constraint
                where
                    contype = 'f'
                    and conrelid = '{{ this }}'::regclass
                    and confrelid = '{{ key["to"] }}'::regclass
            ) then
                alter table {{ this }} add foreign key ({{ key['columns'] | join(', ') }})
                references {{ key['to'] }} ({{ key['to_columns'] | join(', ') }});
            end if;
        exception when foreign_key_violation then
            raise warning '%', sqlerrm;
        end
        $$;
    {%- endfor %}
{%- endmacro %}
