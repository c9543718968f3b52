{{
    config(
        materialized='table',
        indexes=[{'columns': ['spelling'], 'unique': true}],
    )
}}

with codes as (
    select * from {{ ref('language_codes') }}
),

aliases as (
    select * from {{ ref('language_aliases') }}
),

names as (
    select
        lower(language_name) as spelling,
        language_id,
        language_name
    from codes
    union all
    select
        lower(aliases.alias) as spelling,
        codes.language_id,
        codes.language_name
    from aliases
    inner join codes on aliases.language_id = codes.language_id
)

select * from names
