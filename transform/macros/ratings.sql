{# OMDb writes ratings as 8.8/10, 87% or 74/100. #}

{# The figure. #}
{% macro rating_score(rating) -%}
    substring({{ rating }} from '^(\d{1,4}(?:\.\d{1,2})?)(?:/[1-9]\d{0,3}$|%$)')::numeric
{%- endmacro %}


{# The best figure that there can be. #}
{% macro rating_scale(rating) -%}
    case
        when {{ rating }} like '%\%' then 100
        else substring({{ rating }} from '/([1-9]\d{0,3})$')::numeric
    end
{%- endmacro %}


{# A rating with one decimal; null where it is off its scale, so that one wrong figure stops nothing. #}
{% macro rating_within(best, rating) -%}
    (case when {{ rating }} between 0 and {{ best }} then {{ rating }} end)::numeric(3, 1)
{%- endmacro %}
