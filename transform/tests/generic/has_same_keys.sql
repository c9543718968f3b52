{# Keys that are missing from the model, or from its source. #}
{% test has_same_keys(model, source_model, key) %}

select
    source_rows.{{ key }} as missing_from_model,
    model_rows.{{ key }} as missing_from_source
from {{ source_model }} as source_rows
full join {{ model }} as model_rows on source_rows.{{ key }} = model_rows.{{ key }}
where source_rows.{{ key }} is null or model_rows.{{ key }} is null

{% endtest %}
