{# Keys that are missing from the model, or from the titles of its kind in the source. #}
{% test has_same_keys(model, source_model, key, kind) %}

with source_rows as (
    select * from (
        -- The loader keeps a row of each type that a title has had.
        select distinct on ({{ key }})
            {{ key }},
            kind
        from {{ source_model }}
        order by {{ key }}, loaded_at desc, kind desc
    ) as newest
    where kind = '{{ kind }}'
)

select
    source_rows.{{ key }} as missing_from_model,
    model_rows.{{ key }} as missing_from_source
from source_rows
full join {{ model }} as model_rows on source_rows.{{ key }} = model_rows.{{ key }}
where source_rows.{{ key }} is null or model_rows.{{ key }} is null

{% endtest %}
