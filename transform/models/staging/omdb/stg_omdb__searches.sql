with source as (
    {{ raw_table('searches') }}
),

renamed as (
    select
        search_id,
        search_term,
        year::integer as year,
        type,
        total_results::integer as total_results,
        pages_read::integer as pages_read,
        hits::integer as hits,
        new_titles::integer as new_titles,
        missed::integer as missed,
        is_complete,
        error,
        searched_at,
        _sdc_batched_at as loaded_at
    from source
)

select * from renamed
