{# A key that can be read: "Sci-Fi" is sci-fi, "South Korea" is south-korea. #}
{% macro readable_key(name) -%}
    replace(lower({{ name }}), ' ', '-')
{%- endmacro %}
