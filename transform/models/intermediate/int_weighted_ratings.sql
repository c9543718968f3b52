-- The formula of IMDb's Top 250: the fewer votes a rating has, the nearer it is to the average.
with movies as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie' and imdb_rating is not null
),

average as (
    select avg(imdb_rating) as imdb_rating from movies
)

select
    movies.imdb_id,
    round(
        (
            coalesce(movies.imdb_votes, 0) * movies.imdb_rating
            + {{ var('weighted_rating_votes') }} * average.imdb_rating
        ) / (coalesce(movies.imdb_votes, 0) + {{ var('weighted_rating_votes') }}),
        3
    )::numeric(6, 3) as weighted_rating
from movies
cross join average
