{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

people as (
    select * from {{ ref('people') }}
),

-- A writer with two notes is listed twice in a movie.
movies_of_people as (
    select distinct
        person_id,
        role,
        imdb_id
    from {{ ref('movie_credits') }}
),

figures as (
    select
        movies_of_people.person_id,
        movies_of_people.role,
        {{ movie_figures('movies') }}
    from movies_of_people
    inner join movies on movies_of_people.imdb_id = movies.imdb_id
    group by movies_of_people.person_id, movies_of_people.role
),

person_role_summary as (
    select
        figures.person_id,
        people.person_name,
        figures.role,
        figures.movies,
        figures.first_year,
        figures.last_year,
        figures.average_imdb_rating,
        figures.average_metascore,
        figures.imdb_votes,
        figures.box_office,
        figures.movies_with_box_office,
        figures.award_wins as awards_of_movies
    from figures
    inner join people on figures.person_id = people.person_id
)

select * from person_role_summary
