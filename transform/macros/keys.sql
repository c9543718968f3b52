{# A key that can be read: "Sci-Fi" is sci-fi, "South Korea" is south-korea. #}
{% macro readable_key(name) -%}
    replace(lower({{ name }}), ' ', '-')
{%- endmacro %}


{# A key of fixed size, the same on every server, for names without number. #}
{% macro name_key(name) -%}
    md5({{ name }})::uuid
{%- endmacro %}
