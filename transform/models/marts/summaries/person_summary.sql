{{ config(materialized='view') }}

with figures as (
    select * from {{ ref('person_figures') }}
    where role is null
),

person_summary as (
    select
        person_id,
        person_name,
        movies,
        movies_directed,
        movies_written,
        movies_acted,
        first_year,
        last_year,
        average_imdb_rating,
        average_metascore,
        box_office,
        award_wins as awards_of_movies,
        movies_with_box_office
    from figures
)

select * from person_summary
