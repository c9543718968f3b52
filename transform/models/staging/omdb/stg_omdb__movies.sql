with source as (
    {{ raw_table('movies') }}
),

cleaned as (
    select
        {{ details_columns() }},
        dvd,
        box_office,
        {{ clean_text('production') }} as production,
        {{ na_to_null('website') }} as website
    from source
)

select * from cleaned
