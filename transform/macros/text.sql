{#
  Decodes HTML entities: "Côte d&#x27;Ivoire" becomes "Côte d'Ivoire". This is a database
  function because a subquery would keep the planner from filtering titles before it reads
  their texts.
#}
{% macro decode_html_entities(text) -%}
    case when {{ text }} like '%&%' then {{ function('decode_html_entities') }}({{ text }}) else {{ text }} end
{%- endmacro %}


{#
  Removes control characters, which could otherwise manipulate a terminal or hide text: C0 and C1
  except for whitespace, and Unicode's bidirectional marks, embeddings, overrides and isolates.
  (Joiners are kept: Persian, Indic scripts and emoji need them.)
#}
{% macro remove_control_characters(text) -%}
    regexp_replace(
        {{ text }},
        '[\u0001-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]',
        '', 'g'
    )
{%- endmacro %}


{#
  Trims a text and replaces each run of whitespace, including line breaks and no-break spaces, by
  one space. (Nearly all whitespace is single spaces; not matching those makes this faster.)
#}
{% macro collapse_whitespace(text) -%}
    btrim(
        regexp_replace(
            {{ text }},
            '[\s\u0085\u00a0\u200b\u2028\u2029\ufeff]{2,}|[\t\n\r\f\v\u0085\u00a0\u200b\u2028\u2029\ufeff]',
            ' ', 'g'
        )
    )
{%- endmacro %}


{# Null for N/A, which OMDb writes for missing values, and for empty texts. #}
{% macro na_to_null(text) -%}
    nullif(nullif({{ text }}, 'N/A'), '')
{%- endmacro %}


{#
  One of OMDb's texts, ready to be displayed. Most texts are clean already, so a single regular
  expression first checks whether a text contains anything that the other macros would change.
#}
{% macro clean_text(text) -%}
    {%- set cleaned -%}
        case
            when {{ text }} ~ '[&\u0001-\u001f\u007f-\u00a0\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\s\s|^\s|\s$'
                then {{ collapse_whitespace(remove_control_characters(decode_html_entities(text))) }}
            else {{ text }}
        end
    {%- endset -%}
    {{ na_to_null(cleaned) }}
{%- endmacro %}


{#
  A JSON object without control characters; JSON's text form escapes those of C0. The loader
  writes a missing object as JSON null.
#}
{% macro clean_json(object) -%}
    regexp_replace(
        {{ remove_control_characters("nullif(" ~ object ~ ", 'null')::text") }},
        '(?<!\\)((?:\\\\)*)\\(?:b|u00(?:0[0-8be-f]|1[0-9a-f]))', '\1', 'g'
    )::jsonb
{%- endmacro %}
