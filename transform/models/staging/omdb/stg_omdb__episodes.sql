with source as (
    {{ raw_table('episodes') }}
),

cleaned as (
    select
        {{ details_columns() }},
        series_id,
        season::integer as season,
        episode::integer as episode
    from source
)

select * from cleaned
