with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

-- Replies before 2016 have no list of ratings, but these two fields.
ratings_of_movies as (
    select
        movies.imdb_id,
        movies.loaded_at,
        listed.rating_source,
        listed.rating_text,
        case
            when listed.rating_source = 'Internet Movie Database' then movies.imdb_votes
        end as votes
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join lateral (
        select distinct on (given.rating_source)
            given.rating_source,
            given.rating_text
        from (
            select
                rating ->> 'source' as rating_source,
                rating ->> 'value' as rating_text,
                1 as preference
            from unnest(details.ratings) as rating
            union all
            select
                'Internet Movie Database' as rating_source,
                details.imdb_rating || '/10' as rating_text,
                2 as preference
            union all
            select
                'Metacritic' as rating_source,
                details.metascore || '/100' as rating_text,
                2 as preference
        ) as given
        where
            given.rating_source is not null
            and {{ na_to_null('given.rating_text') }} is not null
        order by given.rating_source, given.preference
    ) as listed
),

read as (
    select
        imdb_id,
        loaded_at,
        rating_source,
        rating_text,
        votes,
        {{ rating_score('rating_text') }} as score,
        {{ rating_scale('rating_text') }} as scale
    from ratings_of_movies
)

select * from read
