{#
  The items of one of OMDb's comma-separated texts, as an array.

  A comma in brackets does not separate, nor does one before `unless_followed_by`
  (a regular expression): "Sammy Davis, Jr." is one name. Several commas in a row
  count as one.
#}
{% macro split_list(text, unless_followed_by='') -%}
    regexp_split_to_array(
        btrim({{ text }}, ', '),
        ',[\s,]*
        {%- if unless_followed_by -%} (?!(?:{{ unless_followed_by }})\M) {%- endif -%}
        (?![^()]*\))'
    )
{%- endmacro %}
