{{
    config(
        materialized='table',
        indexes=[{'columns': ['vocabulary', 'spelling'], 'unique': true}],
    )
}}

with spellings as (
    {%- for noun, vocabulary in [
        ('country', "'country'"),
        ('language', "'language'"),
        ('certificate', "codes.medium || ' certificate'"),
    ] %}
    {%- set codes, aliases = ref(noun ~ '_codes'), ref(noun ~ '_aliases') %}
    select
        {{ vocabulary }} as vocabulary,
        lower(codes.{{ noun }}_name) as spelling,
        codes.{{ noun }}_id as id,
        codes.{{ noun }}_name as name
    from {{ codes }} as codes
    union all
    select
        {{ vocabulary }} as vocabulary,
        lower(aliases.alias) as spelling,
        codes.{{ noun }}_id as id,
        codes.{{ noun }}_name as name
    from {{ aliases }} as aliases
    inner join {{ codes }} as codes on aliases.{{ noun }}_id = codes.{{ noun }}_id
    union all
    {%- endfor %}
    select
        'company' as vocabulary,
        lower(alias) as spelling,
        null as id,
        company_name as name
    from {{ ref('company_aliases') }}
)

select * from spellings
