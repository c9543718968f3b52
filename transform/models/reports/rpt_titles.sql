with shown as (
    select * from {{ ref('int_titles') }}
    where kind in ('movie', 'series', 'game')
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_titles') }}
),

rpt_titles as (
    select
        shown.imdb_id,
        shown.kind,
        shown.title,
        shown.year,
        coalesce(certificates.certificate_name, shown.rated) as certificate,
        case when shown.kind <> 'game' then shown.runtime_minutes end as runtime_minutes,
        shown.imdb_rating,
        shown.imdb_votes,
        critics_and_audience.critics,
        case when shown.kind = 'movie' then shown.box_office end as box_office,
        shown.award_wins,
        shown.award_nominations,
        shown.genres,
        shown.countries,
        shown.languages
    from shown
    left join {{ ref('certificates') }} as certificates
        on shown.certificate_id = certificates.certificate_id
    left join {{ ref('critics_and_audience') }} as critics_and_audience
        on shown.imdb_id = critics_and_audience.imdb_id and shown.kind = 'movie'
)

select * from rpt_titles
