{#
  The items of one of OMDb's comma-separated texts, as an array.

  A comma in brackets does not separate, nor does one before `unless_followed_by`
  (a regular expression): "Sammy Davis, Jr." is one name. Several commas in a row
  count as one. Without brackets in the text the quicker of two patterns does.
#}
{% macro split_list(text, unless_followed_by='') -%}
    {%- set unless = '(?!\s*(?:' ~ unless_followed_by ~ '))' if unless_followed_by else '' -%}
    case
        when {{ text }} like '%(%'
            then regexp_split_to_array(btrim({{ text }}, ', '), ' ?,{{ unless }}(?![^()]*\))[\s,]*')
        else regexp_split_to_array(btrim({{ text }}, ', '), ' ?,{{ unless }}[\s,]*')
    end
{%- endmacro %}


{# What follows the comma within a person's name. #}
{% macro name_suffix() -%} (?:Jr|Sr|II|III|IV)\M {%- endmacro %}


{# What follows the comma within a company's name. #}
{% macro company_suffix() -%} (?:Inc|Incorporated|LLC|L\.L\.C|Llc|Ltd|Limited|LP|L\.P|Co|Corp|GmbH|S\.A|S\.p\.A|S\.r\.l|plc)\M {%- endmacro %}


{# What follows the comma within a language's name: "Greek, Ancient (to 1453)", "Norse, Old". #}
{% macro language_suffix() -%} (?:Ancient|Old|Middle(?: High)?|Modern)\s*(?:[(,]|$) {%- endmacro %}


{# Who is credited: "Rob LaDuca(co-director)" is Rob LaDuca, "Sammy Davis, Jr." Sammy Davis Jr. #}
{% macro name_of_credit(credit) -%}
    regexp_replace(
        coalesce(nullif(rtrim(split_part({{ credit }}, '(', 1)), ''), {{ credit }}), ',\s*', ' ', 'g'
    )
{%- endmacro %}


{# What for: the text in brackets, which may hold brackets of its own, or lack the last one. #}
{% macro note_of_credit(credit) -%}
    case
        when strpos({{ credit }}, '(') > 1
            then nullif(
                btrim(regexp_replace(substr({{ credit }}, strpos({{ credit }}, '(') + 1), '\)\s*$', '')), ''
            )
    end
{%- endmacro %}


{#
  A join that gives a row of details one row a credit: lists.role, listed.position and
  listed.credit.
#}
{% macro each_credit(details) -%}
    cross join
        lateral (
            values
            ('director', {{ details }}.director),
            ('writer', {{ details }}.writer),
            ('actor', {{ details }}.actors)
        ) as lists (role, names)
    cross join
        lateral (
            select *
            from
                unnest({{ split_list('lists.names', name_suffix()) }})
                with ordinality as item (credit, position)
            where item.credit not in ('', 'N/A')
        ) as listed
{%- endmacro %}


{# OMDb cuts the word Language off sign languages: "American Sign" is American Sign Language. #}
{% macro whole_language_name(name) -%}
    regexp_replace({{ name }}, '\mSign$', 'Sign Language')
{%- endmacro %}


{# The names of a list of people, as an array; empty where OMDb has none. #}
{% macro people_array(names) -%}
    array(
        select {{ name_of_credit('listed.credit') }}
        from
            unnest({{ split_list(names, name_suffix()) }})
            with ordinality as listed (credit, position)
        order by listed.position
    )
{%- endmacro %}


{# The names of a list of languages, as the languages mart has them, as an array. #}
{% macro languages_array(names) -%}
    array(
        select coalesce(known.language_name, {{ whole_language_name('listed.written') }})
        from
            unnest({{ split_list(names, language_suffix()) }})
            with ordinality as listed (written, position)
        left join {{ ref('int_language_names') }} as known
            on lower({{ whole_language_name('listed.written') }}) = known.written
        order by listed.position
    )
{%- endmacro %}


{# The names of a list of countries, as the countries mart has them, as an array. #}
{% macro countries_array(names) -%}
    array(
        select coalesce(known.country_name, listed.written)
        from
            unnest({{ split_list(names) }})
            with ordinality as listed (written, position)
        left join {{ ref('int_country_names') }} as known
            on lower(listed.written) = known.written
        order by listed.position
    )
{%- endmacro %}
