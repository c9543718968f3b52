{{ config(materialized='view') }}

with figures as (
    select * from {{ ref('person_figures') }}
    where role is not null
),

person_role_summary as (
    select
        person_id,
        person_name,
        role,
        movies,
        first_year,
        last_year,
        average_imdb_rating,
        average_metascore,
        imdb_votes,
        box_office,
        movies_with_box_office,
        award_wins as awards_of_movies
    from figures
)

select * from person_role_summary
