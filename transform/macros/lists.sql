{#
  Splits a comma-separated text into an array.

  A comma inside brackets does not separate, nor does one before `unless_followed_by` (a regular
  expression): "Sammy Davis, Jr." is one name. Consecutive commas count as one. Texts without
  brackets use a faster pattern. `separator` is a regular expression.
#}
{% macro split_list(text, unless_followed_by='', separator=',') -%}
    {%- set unless = '(?!\s*(?:' ~ unless_followed_by ~ '))' if unless_followed_by else '' -%}
    case
        when {{ text }} like '%(%'
            then regexp_split_to_array(
                btrim({{ text }}, ', '), ' ?{{ separator }}{{ unless }}(?![^()]*\))[\s,]*'
            )
        else regexp_split_to_array(btrim({{ text }}, ', '), ' ?{{ separator }}{{ unless }}[\s,]*')
    end
{%- endmacro %}


{# Matches the part after a comma within a person's name. #}
{% macro person_suffix_pattern() -%} (?:Jr|Sr|II|III|IV)\M {%- endmacro %}


{# Matches the part after a comma within a company's name. #}
{% macro company_suffix_pattern() -%} (?:Inc|Incorporated|LLC|L\.L\.C|Llc|Ltd|Limited|LP|L\.P|Co|Corp|GmbH|S\.A|S\.p\.A|S\.r\.l|plc)\M {%- endmacro %}


{# Matches what separates companies: "Magnet/Magnolia Pictures" is two, "Nordisk Film A/S" one. #}
{% macro company_separator() -%} (?:,|/(?!S\M)) {%- endmacro %}


{# Matches the part after a comma within a language's name: "Greek, Ancient (to 1453)", "Norse, Old". #}
{% macro language_suffix_pattern() -%} (?:Ancient|Old|Middle(?: High)?|Modern)\s*(?:[(,]|$) {%- endmacro %}


{# The person's name: Rob LaDuca in "Rob LaDuca(co-director)", Sammy Davis Jr. in "Sammy Davis, Jr." #}
{% macro credit_name(credit) -%}
    regexp_replace(
        coalesce(nullif(rtrim(split_part({{ credit }}, '(', 1)), ''), {{ credit }}), ',\s*', ' ', 'g'
    )
{%- endmacro %}


{#
  The note in brackets. It may contain brackets itself, or lack the closing one. Several notes are
  separated by semicolons: "novel; uncredited" for "(novel) (uncredited)".
#}
{% macro credit_note(credit) -%}
    case
        when strpos({{ credit }}, '(') > 1
            then nullif(
                btrim(
                    regexp_replace(
                        regexp_replace(substr({{ credit }}, strpos({{ credit }}, '(') + 1), '\)\s*$', ''),
                        '\)\s*\(', '; ', 'g'
                    )
                ),
                ''
            )
    end
{%- endmacro %}


{#
  What a writer contributed, according to the note; null if it says nothing of these kinds. The first
  that fits counts: "screen play" is no play, "short story" is a source, "screen story" is not.
#}
{% macro credit_kind(note) -%}
    case
        when {{ note }} ~* '\m(characters?|created by|creator)\M' then 'characters'
        when
            {{ note }} ~* '\m(screen ?play|screenwriter|script|scenario|adapt(ed|ation)|written for the screen)\M'
            then 'screenplay'
        when
            {{ note }} ~* '\m(novels?|novella|books?|plays?|musical|comics?|manga|poem|diaries|articles?|series|memoirs?|films?|movie|motion picture|opera|tale|short (story|stories)|works?|writings|based|inspired|suggested)\M|^from |"'
            and {{ note }} !~* '^film story$'
            then 'source work'
        when {{ note }} ~* '\m(story|stories|idea|premise)\M' then 'story'
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


{# The distinct items of a list, as an array in the list's order; OMDb lists some items twice. #}
{% macro distinct_items(items, item='listed.item') -%}
    array(
        select {{ item }}
        from unnest({{ items }}) with ordinality as listed (item, position)
        where listed.item not in ('', 'N/A')
        group by 1
        order by min(listed.position)
    )
{%- endmacro %}


{# The same, by the names that int_spellings has for items, and `name`, an expression of listed.item. #}
{% macro standard_names(vocabulary, items, name) -%}
    {%- set standard_name -%}
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
    {%- endset -%}
    {{ distinct_items(items, standard_name) }}
{%- endmacro %}
