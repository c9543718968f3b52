with list_entries as (
    select
        *,
        count(*) over () as all_entries
    from {{ ref('list_entries') }}
    order by list, position
    limit {{ var('report_list_entries') }}
),

rpt_list_entries as (
    select
        list_entries.list,
        list_entries.position,
        list_entries.line,
        list_entries.listed_title,
        list_entries.listed_year,
        list_entries.listed_imdb_id,
        list_entries.imdb_id,
        titles.title as found_title,
        titles.year as found_year,
        list_entries.matched_by,
        list_entries.outcome,
        list_entries.reason,
        list_entries.own_rating,
        list_entries.own_date,
        list_entries.all_entries
    from list_entries
    left join {{ ref('titles') }} as titles on list_entries.imdb_id = titles.imdb_id
)

select * from rpt_list_entries
