{# Tables without a foreign key from the model; rebuilding a table drops the keys to it. #}
{% test has_foreign_keys(model, to) %}

select expected.table_name
from (
    values
{%- for relation in to %}
    ('{{ relation }}'){{ ',' if not loop.last }}
    {%- endfor %}
) as expected (table_name)
where not exists (
    select 1
    from pg_constraint
    where
        contype = 'f'
        and conrelid = '{{ model }}'::regclass
        and confrelid = expected.table_name::regclass
)

{% endtest %}
