{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

genres as (
    select * from {{ ref('genres') }}
),

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

genre_summary as (
    select
        genres.genre_id,
        genres.genre_name,
        {{ movie_figures('movies') }}
    from movie_genres
    inner join genres on movie_genres.genre_id = genres.genre_id
    inner join movies on movie_genres.imdb_id = movies.imdb_id
    group by genres.genre_id, genres.genre_name
)

select * from genre_summary
