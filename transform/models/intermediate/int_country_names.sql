{{
    config(
        materialized='table',
        indexes=[{'columns': ['spelling'], 'unique': true}],
    )
}}

with codes as (
    select * from {{ ref('country_codes') }}
),

aliases as (
    select * from {{ ref('country_aliases') }}
),

names as (
    select
        lower(country_name) as spelling,
        country_id,
        country_name
    from codes
    union all
    select
        lower(aliases.alias) as spelling,
        codes.country_id,
        codes.country_name
    from aliases
    inner join codes on aliases.country_id = codes.country_id
)

select * from names
