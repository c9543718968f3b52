{# Keys that are in the source and not here, or here and not in the source. #}
{% test keeps_every_row(model, source_model, key) %}

select
    source_rows.{{ key }} as lost,
    model_rows.{{ key }} as invented
from {{ source_model }} as source_rows
full join {{ model }} as model_rows on source_rows.{{ key }} = model_rows.{{ key }}
where source_rows.{{ key }} is null or model_rows.{{ key }} is null

{% endtest %}
