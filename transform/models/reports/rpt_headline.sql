with movies as (
    select
        count(*) as movies,
        count(imdb_rating) as rated_movies,
        round(avg(imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
        min(year) as first_year,
        max(year) as last_year,
        count(distinct year) as years
    from {{ ref('movies') }}
),

last_sync as (
    select
        outcome,
        ended_at,
        requests
    from {{ ref('syncs') }}
    order by ended_at desc nulls last
    limit 1
),

rpt_headline as (
    select
        movies.movies,
        movies.rated_movies,
        movies.average_imdb_rating,
        movies.first_year,
        movies.last_year,
        movies.years,
        {{ var('weighted_rating_votes') }} as weighted_rating_votes,
        (select count(*) from {{ ref('people') }}) as people,
        (select count(*) from {{ ref('series') }}) as series,
        (select count(*) from {{ ref('episodes') }}) as episodes,
        (select count(*) from {{ ref('games') }}) as games,
        last_sync.ended_at as last_sync_ended_at,
        last_sync.outcome as last_sync_outcome,
        last_sync.requests as last_sync_requests
    from movies
    left join last_sync on true
)

select * from rpt_headline
