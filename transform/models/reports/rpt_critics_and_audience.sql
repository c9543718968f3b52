with critics_and_audience as (
    select * from {{ ref('critics_and_audience') }}
),

movies as (
    select * from {{ ref('movies') }}
),

ranked as (
    select
        critics_and_audience.imdb_id,
        critics_and_audience.title,
        critics_and_audience.year,
        critics_and_audience.audience,
        critics_and_audience.critics,
        critics_and_audience.critics_minus_audience,
        movies.imdb_votes,
        row_number() over (
            order by movies.imdb_votes desc nulls last, movies.imdb_id asc
        ) as position_by_votes,
        -- By year, so that the widest gaps of any range of years are among the rows.
        row_number() over (
            partition by critics_and_audience.year
            order by
                abs(critics_and_audience.critics_minus_audience) desc,
                movies.imdb_votes desc nulls last,
                movies.imdb_id asc
        ) as position_by_gap_in_year
    from critics_and_audience
    inner join movies on critics_and_audience.imdb_id = movies.imdb_id
),

rpt_critics_and_audience as (
    select * from ranked
    where position_by_votes <= 1000 or position_by_gap_in_year <= 10
)

select * from rpt_critics_and_audience
