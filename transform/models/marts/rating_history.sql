{{ config(materialized='view') }}

with versions as (
    select * from {{ ref('movie_metrics') }}
),

rating_history as (
    select
        imdb_id,
        dbt_valid_from as valid_from,
        dbt_valid_to as valid_to,
        dbt_valid_to is null as is_current,
        imdb_rating,
        imdb_votes,
        metascore,
        rotten_tomatoes,
        box_office
    from versions
)

select * from rating_history
