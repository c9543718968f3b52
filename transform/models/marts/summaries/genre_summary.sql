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
        count(*) as movies,
        min(movies.year) as first_year,
        max(movies.year) as last_year,
        round(avg(movies.imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
        round(avg(movies.metascore), 1)::numeric(5, 1) as average_metascore,
        sum(movies.imdb_votes)::numeric(24, 0) as imdb_votes,
        sum(movies.box_office)::numeric(24, 0) as box_office,
        sum(movies.award_wins)::numeric(24, 0) as award_wins
    from movie_genres
    inner join genres on movie_genres.genre_id = genres.genre_id
    inner join movies on movie_genres.imdb_id = movies.imdb_id
    group by genres.genre_id, genres.genre_name
)

select * from genre_summary
