{#
  Text with its HTML entities decoded: "Côte d&#x27;Ivoire" is "Côte d'Ivoire". A function of
  the database does it, since a subquery here would bar the planner from choosing titles first
  and reading their texts after.
#}
{% macro decode_entities(text) -%}
    case when {{ text }} like '%&%' then {{ function('decode_entities') }}({{ text }}) else {{ text }} end
{%- endmacro %}


{#
  Text without spaces at its ends; every run of spaces within it, no-break ones included, is
  one. (A single plain space is not matched, as nearly all are: that is four times as quick.)
#}
{% macro collapse_spaces(text) -%}
    btrim(
        regexp_replace(
            {{ text }},
            '[\s\u00a0\u200b\ufeff]{2,}|[\t\n\r\f\v\u00a0\u200b\ufeff]', ' ', 'g'
        )
    )
{%- endmacro %}


{# Null for what OMDb writes where it knows nothing. #}
{% macro na_to_null(text) -%}
    nullif(nullif({{ text }}, 'N/A'), '')
{%- endmacro %}


{# What a reader should see of one of OMDb's texts. #}
{% macro clean_text(text) -%}
    {{ na_to_null(collapse_spaces(decode_entities(text))) }}
{%- endmacro %}
