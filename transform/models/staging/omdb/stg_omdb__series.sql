with source as (
    {{ raw_table('series') }}
),

cleaned as (
    select
        {{ details_columns() }},
        year_end,
        total_seasons
    from source
)

select * from cleaned
