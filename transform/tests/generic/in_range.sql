{# Rows whose value is outside of a range; null is in. #}
{% test in_range(model, column_name, minimum, maximum) %}

select *
from {{ model }}
where {{ column_name }} not between {{ minimum }} and {{ maximum }}

{% endtest %}
