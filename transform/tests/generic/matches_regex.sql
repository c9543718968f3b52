{# Rows whose value does not match a regular expression; null passes. #}
{% test matches_regex(model, column_name, pattern) %}

select *
from {{ model }}
where {{ column_name }} !~ '{{ pattern }}'

{% endtest %}
