with movies as (
    select
        movies.imdb_id,
        movies.title,
        weighted_ratings.weighted_rating
    from {{ ref('movies') }} as movies
    inner join {{ ref('int_weighted_ratings') }} as weighted_ratings
        on movies.imdb_id = weighted_ratings.imdb_id
),

average as (
    select avg(weighted_rating) as weighted_rating from movies
),

movies_of_people as (
    select distinct
        role,
        person_id,
        imdb_id
    from {{ ref('movie_credits') }}
),

people_and_roles as (
    select
        movies_of_people.role,
        movies_of_people.person_id,
        count(*) as movies,
        sum(movies.weighted_rating) as weighted_ratings,
        (array_agg(movies.imdb_id order by movies.weighted_rating desc, movies.imdb_id asc))[1]
            as best_imdb_id,
        (array_agg(movies.title order by movies.weighted_rating desc, movies.imdb_id asc))[1]
            as best_title
    from movies_of_people
    inner join movies on movies_of_people.imdb_id = movies.imdb_id
    group by movies_of_people.role, movies_of_people.person_id
),

ranked as (
    select
        people_and_roles.role,
        -- Two average movies are added, so that several good movies count more than one.
        row_number() over (
            partition by people_and_roles.role
            order by
                (people_and_roles.weighted_ratings + 2 * average.weighted_rating)
                / (people_and_roles.movies + 2) desc,
                people.person_name
        ) as position,
        people.person_id,
        people.person_name,
        people_and_roles.movies,
        round(people_and_roles.weighted_ratings / people_and_roles.movies, 2)::numeric(4, 2)
            as average_weighted_rating,
        people_and_roles.best_imdb_id,
        people_and_roles.best_title
    from people_and_roles
    inner join {{ ref('people') }} as people on people_and_roles.person_id = people.person_id
    cross join average
),

rpt_top_people as (
    select * from ranked
    where position <= 10
)

select * from rpt_top_people
