{# A readable key: "Sci-Fi" becomes sci-fi, "South Korea" becomes south-korea. #}
{% macro slugify(name) -%}
    replace(lower({{ name }}), ' ', '-')
{%- endmacro %}


{# A key of fixed size for entities that have only a name; the same on every server. #}
{% macro surrogate_key(name) -%}
    md5({{ name }})::uuid
{%- endmacro %}
