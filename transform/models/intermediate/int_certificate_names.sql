{{
    config(
        materialized='table',
        indexes=[{'columns': ['medium', 'spelling'], 'unique': true}],
    )
}}

with codes as (
    select * from {{ ref('certificate_codes') }}
),

aliases as (
    select * from {{ ref('certificate_aliases') }}
),

names as (
    select
        medium,
        lower(certificate_name) as spelling,
        certificate_id
    from codes
    union all
    select
        medium,
        lower(alias) as spelling,
        certificate_id
    from aliases
)

select * from names
