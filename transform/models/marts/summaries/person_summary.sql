{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

people as (
    select * from {{ ref('people') }}
),

-- One row per person and movie, even if the person has several roles.
movies_of_people as (
    select
        person_id,
        imdb_id,
        bool_or(role = 'director') as directed,
        bool_or(role = 'writer') as wrote,
        bool_or(role = 'actor') as acted
    from {{ ref('movie_credits') }}
    group by person_id, imdb_id
),

person_summary as (
    select
        people.person_id,
        people.person_name,
        count(*) as movies,
        count(*) filter (where movies_of_people.directed) as movies_directed,
        count(*) filter (where movies_of_people.wrote) as movies_written,
        count(*) filter (where movies_of_people.acted) as movies_acted,
        min(movies.year) as first_year,
        max(movies.year) as last_year,
        round(avg(movies.imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
        round(avg(movies.metascore), 1)::numeric(5, 1) as average_metascore,
        sum(movies.box_office)::numeric(24, 0) as box_office,
        sum(movies.award_wins)::numeric(24, 0) as awards_of_movies,
        count(movies.box_office) as movies_with_box_office
    from movies_of_people
    inner join people on movies_of_people.person_id = people.person_id
    inner join movies on movies_of_people.imdb_id = movies.imdb_id
    group by people.person_id, people.person_name
)

select * from person_summary
