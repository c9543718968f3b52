{{ config(materialized='view') }}

with versions as (
    select * from {{ ref('rating_history') }}
),

previous as (
    select * from {{ ref('rating_history') }}
    where valid_to is not null
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
        previous.imdb_rating as previous_rating,
        versions.imdb_rating,
        (versions.imdb_rating - previous.imdb_rating)::numeric(3, 1) as rating_change,
        previous.imdb_votes as previous_votes,
        versions.imdb_votes,
        versions.is_current
    from versions
    inner join previous
        on versions.imdb_id = previous.imdb_id and versions.valid_from = previous.valid_to
    inner join movies on versions.imdb_id = movies.imdb_id
    where versions.imdb_rating <> previous.imdb_rating
)

select * from rating_changes
