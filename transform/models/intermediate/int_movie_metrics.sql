with movies as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

ratings as (
    select * from {{ ref('int_movie_ratings') }}
    where rating_source = 'Rotten Tomatoes'
),

figures as (
    select
        movies.imdb_id,
        movies.imdb_rating,
        movies.imdb_votes,
        movies.metascore,
        ratings.score::integer as rotten_tomatoes,
        movies.box_office,
        coalesce(movies.fetched_at, movies.loaded_at) as fetched_at,
        movies.loaded_at
    from movies
    left join ratings on movies.imdb_id = ratings.imdb_id
    where {{ is_changed_since_snapshot('movies') }}
)

select * from figures
