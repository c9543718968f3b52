{#
  Text with its HTML entities decoded, once: "Côte d&#x27;Ivoire" is "Côte d'Ivoire".
  Numeric ones and the five names of XML, and &nbsp;. What is no character stays.
#}
{% macro decode_entities(text) -%}
    {%- set entity = '&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos|nbsp);' -%}
    case
        when {{ text }} ~ '{{ entity }}'
            then (
                select
                    string_agg(
                        case
                            when piece.code between 1 and 55295 or piece.code between 57344 and 1114111
                                then chr(piece.code)
                            else piece.written
                        end, '' order by piece.place
                    )
                from (
                    select
                        found.place,
                        found.parts[1] as written,
                        case
                            when found.parts[1] ~ '^&#[0-9]'
                                then rtrim(substr(found.parts[1], 3), ';')::integer
                            when found.parts[1] ~ '^&#[xX]'
                                then ('x' || lpad(rtrim(substr(found.parts[1], 4), ';'), 8, '0'))::bit(32)::integer
                            else
                                case found.parts[1]
                                    when '&amp;' then 38
                                    when '&lt;' then 60
                                    when '&gt;' then 62
                                    when '&quot;' then 34
                                    when '&apos;' then 39
                                    when '&nbsp;' then 160
                                end
                        end as code
                    from regexp_matches({{ text }}, '{{ entity }}|[^&]+|&', 'g')
                        with ordinality as found (parts, place)
                ) as piece
            )
        else {{ text }}
    end
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
