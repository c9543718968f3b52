{# Keys that are missing from the model, or from the titles of its kind in the source. #}
{% test has_same_keys(model, source_model, key, kind) %}

with source_rows as (
    select * from {{ source_model }}
    where kind = '{{ kind }}'
)

select
    source_rows.{{ key }} as missing_from_model,
    model_rows.{{ key }} as missing_from_source
from source_rows
full join {{ model }} as model_rows on source_rows.{{ key }} = model_rows.{{ key }}
where source_rows.{{ key }} is null or model_rows.{{ key }} is null

{% endtest %}
