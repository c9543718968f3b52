{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='certificate_id',
    )
}}

with codes as (
    select * from {{ ref('certificate_codes') }}
),

certificates as (
    select
        certificate_id,
        certificate_name,
        rating_system,
        medium,
        minimum_age,
        meaning
    from codes
)

select * from certificates
