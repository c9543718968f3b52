with rejects as (
    select
        *,
        row_number() over (
            partition by reason
            order by rejected_at desc, reject_id asc
        ) as position
    from {{ ref('rejects') }}
),

rpt_rejects as (
    select
        reason,
        count(*) as rejects,
        max(rejected_at) as last_rejected_at,
        jsonb_agg(
            jsonb_build_array(coalesce(imdb_id, request), message) order by position
        ) filter (where position <= 3) as examples
    from rejects
    group by reason
)

select * from rpt_rejects
