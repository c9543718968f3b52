with data_issues as (
    select
        *,
        row_number() over (partition by issue, field order by imdb_id, value) as position
    from {{ ref('data_issues') }}
),

rpt_data_issues as (
    select
        issue,
        field,
        count(*) as issues,
        jsonb_agg(jsonb_build_array(imdb_id, value) order by position) filter (
            where position <= 3
        ) as examples
    from data_issues
    group by issue, field
)

select * from rpt_data_issues
