{#
  dbt builds a table anew beside the old one, swaps the two and drops the old one with
  everything that hangs on it: foreign keys of other tables vanish without a word.
  A dimension takes these two as pre-hook and post-hook, and has them still.
#}

{% macro remember_foreign_keys() -%}
    {%- if load_relation(this) is not none and not is_incremental() -%}
        create temporary table {{ this.identifier }}_foreign_keys on commit drop as
        select
            conrelid::regclass as table_name,
            conname as name,
            pg_get_constraintdef(oid) as definition
        from pg_constraint
        where contype = 'f' and confrelid = '{{ this }}'::regclass
    {%- endif -%}
{%- endmacro %}


{# One that no longer holds is left off: the table that has it is built next, with a new one. #}
{% macro restore_foreign_keys() -%}
    {%- if load_relation(this) is not none and not is_incremental() -%}
        do $$
        declare
            foreign_key record;
        begin
            if to_regclass('pg_temp.{{ this.identifier }}_foreign_keys') is null then
                return;
            end if;
            for foreign_key in select * from {{ this.identifier }}_foreign_keys loop
                execute format(
                    'alter table %s drop constraint %I', foreign_key.table_name, foreign_key.name
                );
                begin
                    execute format(
                        'alter table %s add constraint %I %s',
                        foreign_key.table_name, foreign_key.name, foreign_key.definition
                    );
                exception when foreign_key_violation then
                    null;
                end;
            end loop;
        end
        $$
    {%- endif -%}
{%- endmacro %}
