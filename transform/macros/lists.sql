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


{#
  Joins each title to its credits, one row per credit. Provides lists.role, listed.position and
  listed.credit.
#}
{% macro unnest_credits(titles) -%}
    cross join
        lateral (
            values
            ('director', {{ titles }}.director),
            ('writer', {{ titles }}.writer),
            ('actor', {{ titles }}.actors)
        ) as lists (role, names)
    cross join
        lateral (
            select *
            from
                unnest({{ split_list('lists.names', person_suffix_pattern()) }})
                with ordinality as item (credit, position)
            where item.credit not in ('', 'N/A')
        ) as listed
{%- endmacro %}


{# OMDb omits the word Language from sign languages: "American Sign" is American Sign Language. #}
{% macro full_language_name(name) -%}
    regexp_replace({{ name }}, '\mSign$', 'Sign Language')
{%- endmacro %}


{# The names in a list of people, as an array; empty if OMDb has none. #}
{% macro people_array(names) -%}
    array(
        select {{ credit_name('listed.credit') }}
        from
            unnest({{ split_list(names, person_suffix_pattern()) }})
            with ordinality as listed (credit, position)
        order by listed.position
    )
{%- endmacro %}


{# The names in a list of languages, as used in the languages mart, as an array. #}
{% macro languages_array(names) -%}
    array(
        select coalesce(known.language_name, {{ full_language_name('listed.item') }})
        from
            unnest({{ split_list(names, language_suffix_pattern()) }})
            with ordinality as listed (item, position)
        left join {{ ref('int_language_names') }} as known
            on lower({{ full_language_name('listed.item') }}) = known.spelling
        order by listed.position
    )
{%- endmacro %}


{# The names in a list of countries, as used in the countries mart, as an array. #}
{% macro countries_array(names) -%}
    array(
        select coalesce(known.country_name, listed.item)
        from
            unnest({{ split_list(names) }})
            with ordinality as listed (item, position)
        left join {{ ref('int_country_names') }} as known
            on lower(listed.item) = known.spelling
        order by listed.position
    )
{%- endmacro %}
