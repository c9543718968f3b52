with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

genres_of_movies as (
    select
        movies.imdb_id,
        movies.loaded_at,
        listed.position,
        listed.genre_name
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join
        lateral unnest(
            {{ split_list('details.genre') }}
        ) with ordinality as listed (genre_name, position)
    where listed.genre_name not in ('', 'N/A')
),

keyed as (
    select
        imdb_id,
        loaded_at,
        position,
        {{ readable_key('genre_name') }} as genre_id,
        genre_name
    from genres_of_movies
)

select * from keyed
