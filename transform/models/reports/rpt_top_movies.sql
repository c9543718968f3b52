with movies as (
    select
        movies.imdb_id,
        movies.title,
        movies.year,
        movies.imdb_rating,
        movies.imdb_votes,
        weighted_ratings.weighted_rating
    from {{ ref('movies') }} as movies
    inner join {{ ref('int_weighted_ratings') }} as weighted_ratings
        on movies.imdb_id = weighted_ratings.imdb_id
),

genres_of_movies as (
    select
        movie_genres.imdb_id,
        genres.genre_name
    from {{ ref('movie_genres') }} as movie_genres
    inner join {{ ref('genres') }} as genres on movie_genres.genre_id = genres.genre_id
),

listed as (
    select
        'year' as list,
        year::text as value,
        movies.*
    from movies
    where year is not null
    union all
    select
        'genre' as list,
        genres_of_movies.genre_name as value,
        movies.*
    from movies
    inner join genres_of_movies on movies.imdb_id = genres_of_movies.imdb_id
),

ranked as (
    select
        list,
        value,
        row_number() over (
            partition by list, value
            order by weighted_rating desc, imdb_votes desc nulls last, imdb_id asc
        ) as position,
        imdb_id,
        title,
        year,
        imdb_rating,
        imdb_votes,
        weighted_rating
    from listed
),

rpt_top_movies as (
    select * from ranked
    where position <= 10
)

select * from rpt_top_movies
