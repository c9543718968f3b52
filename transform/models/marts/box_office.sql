{{ config(materialized='view') }}

with movies as (
    select * from {{ ref('movies') }}
    where box_office is not null
),

prices as (
    select
        year,
        price_index,
        last_value(year) over all_years as last_year,
        last_value(price_index) over all_years as last_price_index
    from {{ ref('us_consumer_prices') }}
    window all_years as (order by year rows between unbounded preceding and unbounded following)
),

box_office as (
    select
        movies.imdb_id,
        movies.title,
        movies.year,
        movies.box_office,
        rank() over (order by movies.box_office desc) as rank,
        rank() over (partition by movies.year order by movies.box_office desc) as rank_in_year,
        round(
            100.0 * movies.box_office
            / nullif(sum(movies.box_office) over (partition by movies.year), 0),
            2
        )::numeric(5, 2) as percent_of_year,
        count(*) over (partition by movies.year) as movies_with_box_office,
        round(
            movies.box_office * prices.last_price_index / prices.price_index
        )::numeric(24, 0) as box_office_adjusted,
        prices.last_year as adjusted_to_year
    from movies
    left join prices on movies.year = prices.year
)

select * from box_office
