{#
  OMDb describes awards in one sentence. There are three formats:

      Won 7 Oscars. Another 233 wins & 182 nominations.     (old)
      Won 7 Oscars. 240 wins & 182 nominations              (2021)
      Won 7 Oscars. 240 wins & 182 nominations total        (since)

  The headline names one award body. It may run into the counts: "Won 1 BAFTA Award13 wins &
  9 nominations total". After "Another", the counts exclude the headline's awards; in all other
  cases they include them.
#}

{# Whether the sentence matches one of these formats, so that the macros below parse all of it. #}
{% macro awards_are_parseable(awards) -%}
    {{ awards }} ~ '\d'
    and {{ awards }}
    ~ '^((Won|Nominated for) \d[\d,]{0,6} [^\d.]+(\. ?(Another )?)?)?(\d[\d,]{0,6} wins?)?( & )?(\d[\d,]{0,6} nominations?)?( total)?\.?$'
{%- endmacro %}


{# The headline's outcome: won or nominated. #}
{% macro headline_outcome(awards) -%}
    case
        when {{ awards }} ~ '^Won \d' then 'won'
        when {{ awards }} ~ '^Nominated for \d' then 'nominated'
    end
{%- endmacro %}


{# The headline's award body, in the singular. All BAFTA awards count as BAFTA. #}
{% macro headline_body(awards) -%}
    case
        when {{ awards }} ~ '^(Won|Nominated for) \d[\d,]* BAFTA' then 'BAFTA'
        else
            regexp_replace(
                btrim(substring({{ awards }} from '^(?:Won|Nominated for) \d[\d,]* ([^\d.]+)')), 's$', ''
            )
    end
{%- endmacro %}


{# The headline's number. #}
{% macro headline_count(awards) -%}
    replace(
        substring({{ awards }} from '^(?:Won|Nominated for) (\d[\d,]*) '), ',', ''
    )::integer
{%- endmacro %}


{# All awards with an outcome, including the headline's; null if the sentence can't be parsed. #}
{% macro award_total(awards, outcome) -%}
    {%- set noun = {'won': 'win', 'nominated': 'nomination'}[outcome] -%}
    case
        when {{ awards_are_parseable(awards) }}
            then
                coalesce(replace(substring({{ awards }} from '(\d[\d,]*) {{ noun }}s?\M'), ',', '')::integer, 0)
                + case
                    when
                        {{ headline_outcome(awards) }} = '{{ outcome }}'
                        and ({{ awards }} ~ '\. Another ' or {{ awards }} !~ '\d (win|nomination)s?\M')
                        then {{ headline_count(awards) }}
                    else 0
                end
    end
{%- endmacro %}
