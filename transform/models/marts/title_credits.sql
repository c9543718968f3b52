{{ config(materialized='view') }}

with movie_credits as (
    select * from {{ ref('movie_credits') }}
),

people as (
    select * from {{ ref('people') }}
),

other_credits as (
    select * from {{ ref('int_credits') }}
    where kind <> 'movie'
),

title_credits as (
    select
        movie_credits.imdb_id,
        'movie' as kind,
        movie_credits.role,
        movie_credits.position,
        movie_credits.person_id,
        people.person_name,
        movie_credits.note,
        movie_credits.credit_kind
    from movie_credits
    -- Each has a person, but Postgres leaves out only outer joins where no column is used.
    left join people on movie_credits.person_id = people.person_id
    union all
    select
        imdb_id,
        kind,
        role,
        position::integer as position,
        person_id,
        person_name,
        note,
        {{ credit_kind('note') }} as credit_kind
    from other_credits
)

select * from title_credits
