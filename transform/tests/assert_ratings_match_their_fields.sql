-- Movies whose IMDb rating or Metascore differs between OMDb's field and its list of ratings.
{{ config(severity='warn', store_failures=true) }}

with movies as (
    select * from {{ ref('movies') }}
),

ratings as (
    select * from {{ ref('movie_ratings') }}
)

select
    ratings.imdb_id,
    ratings.rating_source,
    ratings.score,
    movies.imdb_rating,
    movies.metascore
from ratings
inner join movies on ratings.imdb_id = movies.imdb_id
where
    (ratings.rating_source = 'Internet Movie Database' and ratings.score <> movies.imdb_rating)
    or (ratings.rating_source = 'Metacritic' and ratings.score <> movies.metascore)
