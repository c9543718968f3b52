{# OMDb writes ratings as 8.8/10, 87% or 74/100. #}

{# The score. #}
{% macro rating_score(rating) -%}
    substring({{ rating }} from '^(\d{1,4}(?:\.\d{1,2})?)(?:/[1-9]\d{0,3}$|%$)')::numeric
{%- endmacro %}


{# The highest possible score. #}
{% macro rating_scale(rating) -%}
    case
        when {{ rating }} like '%\%' then 100
        else substring({{ rating }} from '/([1-9]\d{0,3})$')::numeric
    end
{%- endmacro %}


{# A value; null if it is outside its range, so that one bad value breaks nothing. #}
{% macro null_if_outside(value, lowest, highest) -%}
    case when {{ value }} between {{ lowest }} and {{ highest }} then {{ value }} end
{%- endmacro %}
