with newest as (
    {%- for table, column in [
        ('movies', 'loaded_at'),
        ('series', 'loaded_at'),
        ('episodes', 'loaded_at'),
        ('games', 'loaded_at'),
        ('searches', 'searched_at'),
        ('rejects', 'rejected_at'),
        ('syncs', 'ended_at'),
    ] %}
    select
        '{{ table }}' as table_name,
        count(*) as table_rows,
        max({{ column }}) as newest_at
    from {{ ref(table) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

rpt_table_freshness as (
    select
        table_name,
        table_rows,
        newest_at,
        round(
            extract(epoch from ((now() at time zone 'utc') - newest_at)) / 3600, 1
        )::numeric(12, 1) as hours_old
    from newest
)

select * from rpt_table_freshness
