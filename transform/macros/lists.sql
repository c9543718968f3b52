{#
  Splits a comma-separated text into an array.

  A comma inside brackets does not separate, nor does one before `unless_followed_by` (a regular
  expression): "Sammy Davis, Jr." is one name. Consecutive commas count as one. Texts without
  brackets use a faster pattern.
#}
{% macro split_list(text, unless_followed_by='') -%}
    {%- set unless = '(?!\s*(?:' ~ unless_followed_by ~ '))' if unless_followed_by else '' -%}
    case
        when {{ text }} like '%(%'
            then regexp_split_to_array(btrim({{ text }}, ', '), ' ?,{{ unless }}(?![^()]*\))[\s,]*')
        else regexp_split_to_array(btrim({{ text }}, ', '), ' ?,{{ unless }}[\s,]*')
    end
{%- endmacro %}


{# Matches the part after a comma within a person's name. #}
{% macro person_suffix_pattern() -%} (?:Jr|Sr|II|III|IV)\M {%- endmacro %}


{# Matches the part after a comma within a company's name. #}
{% macro company_suffix_pattern() -%} (?:Inc|Incorporated|LLC|L\.L\.C|Llc|Ltd|Limited|LP|L\.P|Co|Corp|GmbH|S\.A|S\.p\.A|S\.r\.l|plc)\M {%- endmacro %}


{# Matches the part after a comma within a language's name: "Greek, Ancient (to 1453)", "Norse, Old". #}
{% macro language_suffix_pattern() -%} (?:Ancient|Old|Middle(?: High)?|Modern)\s*(?:[(,]|$) {%- endmacro %}


{# The person's name: Rob LaDuca in "Rob LaDuca(co-director)", Sammy Davis Jr. in "Sammy Davis, Jr." #}
{% macro credit_name(credit) -%}
    regexp_replace(
        coalesce(nullif(rtrim(split_part({{ credit }}, '(', 1)), ''), {{ credit }}), ',\s*', ' ', 'g'
    )
{%- endmacro %}


{# The note in brackets. It may contain brackets itself, or lack the closing one. #}
{% macro credit_note(credit) -%}
    case
        when strpos({{ credit }}, '(') > 1
            then nullif(
                btrim(regexp_replace(substr({{ credit }}, strpos({{ credit }}, '(') + 1), '\)\s*$', '')), ''
            )
    end
{%- endmacro %}


{# OMDb omits the word Language from sign languages: "American Sign" is American Sign Language. #}
{% macro full_language_name(name) -%}
    regexp_replace({{ name }}, '\mSign$', 'Sign Language')
{%- endmacro %}


{# The names in a list of credits, as an array. #}
{% macro credit_names(credits) -%}
    array(
        select {{ credit_name('listed.credit') }}
        from unnest({{ credits }}) with ordinality as listed (credit, position)
        order by listed.position
    )
{%- endmacro %}


{#
  The names in a list, as an array: those that int_spellings has for an item, and `name`, an
  expression of listed.item, for all others.
#}
{% macro standard_names(vocabulary, items, name) -%}
    array(
        select
            coalesce(
                (
                    select known.name
                    from {{ ref('int_spellings') }} as known
                    where
                        known.vocabulary = '{{ vocabulary }}'
                        and known.spelling = lower({{ name }})
                ),
                {{ name }}
            )
        from unnest({{ items }}) with ordinality as listed (item, position)
        order by listed.position
    )
{%- endmacro %}
