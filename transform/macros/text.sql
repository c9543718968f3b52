{#
  Decodes HTML entities: "Côte d&#x27;Ivoire" becomes "Côte d'Ivoire". This is a database
  function because a subquery would keep the planner from filtering titles before it reads
  their texts.
#}
{% macro decode_html_entities(text) -%}
    case when {{ text }} like '%&%' then {{ function('decode_html_entities') }}({{ text }}) else {{ text }} end
{%- endmacro %}


{#
  Trims a text and replaces each run of whitespace, including no-break spaces, by one space.
  (Nearly all whitespace is single spaces; not matching those makes this four times as fast.)
#}
{% macro collapse_whitespace(text) -%}
    btrim(
        regexp_replace(
            {{ text }},
            '[\s\u00a0\u200b\ufeff]{2,}|[\t\n\r\f\v\u00a0\u200b\ufeff]', ' ', 'g'
        )
    )
{%- endmacro %}


{# Null for N/A, which OMDb writes for missing values, and for empty texts. #}
{% macro na_to_null(text) -%}
    nullif(nullif({{ text }}, 'N/A'), '')
{%- endmacro %}


{# One of OMDb's texts, ready to be displayed. #}
{% macro clean_text(text) -%}
    {{ na_to_null(collapse_whitespace(decode_html_entities(text))) }}
{%- endmacro %}
