{#
  Foreign keys are declared in the contracts like other constraints, but created here, after the
  table is filled. Postgres then checks all rows at once and locks the referenced tables only
  briefly, and a missing key is restored by the next build. (dbt rebuilds a table next to the old
  one, swaps them and drops the old one with cascade, so rebuilding a dimension drops the foreign
  keys that reference it.)
#}

{# Overrides dbt's macro to leave out foreign keys. #}
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


{# Post-hook of every mart. A key that the rows violate is skipped; has_foreign_keys then fails. #}
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
