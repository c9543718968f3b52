{# Rows whose value does not match a regular expression; null does. #}
{% test matches(model, column_name, pattern) %}

select *
from {{ model }}
where {{ column_name }} !~ '{{ pattern }}'

{% endtest %}
