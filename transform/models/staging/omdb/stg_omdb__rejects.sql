with source as (
    {{ raw_table('rejects') }}
),

renamed as (
    select
        reject_id,
        imdb_id,
        source,
        request,
        reason,
        message,
        http_status,
        payload,
        line_number,
        rejected_at,
        _sdc_batched_at as loaded_at
    from source
)

select * from renamed
