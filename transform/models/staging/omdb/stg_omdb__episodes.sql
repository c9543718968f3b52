with source as (
    {{ raw_table('episodes') }}
),

cleaned as (
    select
        {{ details_columns() }},
        series_id,
        season,
        episode
    from source
)

select * from cleaned
