with versions as (
    select
        imdb_id,
        valid_from,
        is_current,
        imdb_rating,
        imdb_votes,
        lag(imdb_rating) over versions_of_movie as previous_rating,
        lag(imdb_votes) over versions_of_movie as previous_votes
    from {{ ref('rating_history') }}
    window versions_of_movie as (
        partition by imdb_id
        order by valid_from
    )
),

newest as (
    select max(valid_from) as valid_from from versions
),

moved as (
    select
        versions.imdb_id,
        movies.title,
        movies.year,
        versions.previous_rating,
        versions.imdb_rating,
        (versions.imdb_rating - versions.previous_rating)::numeric(3, 1) as rating_change,
        versions.previous_votes,
        versions.imdb_votes,
        versions.valid_from as changed_at
    from versions
    cross join newest
    inner join {{ ref('movies') }} as movies on versions.imdb_id = movies.imdb_id
    where
        versions.is_current
        and versions.imdb_rating <> versions.previous_rating
        and versions.valid_from > newest.valid_from - interval '30 days'
),

rpt_rating_movers as (
    select
        row_number() over (
            order by abs(rating_change) desc, imdb_votes desc nulls last, imdb_id asc
        ) as position,
        imdb_id,
        title,
        year,
        previous_rating,
        imdb_rating,
        rating_change,
        previous_votes,
        imdb_votes,
        changed_at
    from moved
    order by position
    limit 20
)

select * from rpt_rating_movers
