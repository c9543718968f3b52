{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
),

countries as (
    select * from {{ ref('countries') }}
),

movie_countries as (
    select * from {{ ref('movie_countries') }}
),

country_summary as (
    select
        countries.country_id,
        countries.country_name,
        {{ movie_figures('movies') }}
    from movie_countries
    inner join countries on movie_countries.country_id = countries.country_id
    inner join movies on movie_countries.imdb_id = movies.imdb_id
    group by countries.country_id, countries.country_name
)

select * from country_summary
