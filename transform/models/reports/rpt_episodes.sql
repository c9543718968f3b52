with episodes as (
    select * from {{ ref('episodes') }}
    where series_id is not null
),

series as (
    select
        series.imdb_id,
        sum(count(*)) over (
            order by series.imdb_votes desc nulls last, series.imdb_id asc
        ) as episodes_so_far
    from {{ ref('series') }} as series
    inner join episodes on series.imdb_id = episodes.series_id
    group by series.imdb_id, series.imdb_votes
),

rpt_episodes as (
    select
        episodes.series_id,
        episodes.season,
        episodes.episode,
        episodes.imdb_id,
        episodes.title,
        episodes.imdb_rating
    from episodes
    inner join series on episodes.series_id = series.imdb_id
    -- Of a series all or none, since averages of some would mislead.
    where series.episodes_so_far <= {{ var('report_episodes') }}
)

select * from rpt_episodes
