{{ config(materialized='view') }}

with versions as (
    select
        *,
        lag(imdb_rating) over versions_of_movie as previous_rating,
        lag(imdb_votes) over versions_of_movie as previous_votes
    from {{ ref('rating_history') }}
    window versions_of_movie as (
        partition by imdb_id
        order by valid_from
    )
),

movies as (
    select * from {{ ref('movies') }}
),

rating_changes as (
    select
        versions.imdb_id,
        movies.title,
        movies.year,
        versions.valid_from as changed_at,
        versions.previous_rating,
        versions.imdb_rating,
        (versions.imdb_rating - versions.previous_rating)::numeric(3, 1) as rating_change,
        versions.previous_votes,
        versions.imdb_votes,
        versions.is_current
    from versions
    inner join movies on versions.imdb_id = movies.imdb_id
    where versions.imdb_rating <> versions.previous_rating
)

select * from rating_changes
