{{
    config(
        materialized='table',
        indexes=[{'columns': ['vocabulary', 'spelling'], 'unique': true}],
    )
}}

with standards as (
    {%- for noun, vocabulary in [
        ('country', "'country'"),
        ('language', "'language'"),
        ('certificate', "medium || ' certificate'"),
    ] %}
    select
        {{ vocabulary }} as vocabulary,
        {{ noun }}_id as id,
        {{ noun }}_name as name
    from {{ ref(noun ~ '_codes') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

aliases as (
    select * from {{ ref('aliases') }}
),

spellings as (
    select
        vocabulary,
        lower(name) as spelling,
        id,
        name
    from standards
    union all
    select
        aliases.vocabulary,
        lower(aliases.alias) as spelling,
        standards.id,
        aliases.name
    from aliases
    left join standards
        on aliases.vocabulary = standards.vocabulary and aliases.name = standards.name
)

select * from spellings
