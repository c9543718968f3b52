with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

names as (
    select * from {{ ref('int_country_names') }}
),

countries_of_movies as (
    select
        movies.imdb_id,
        movies.loaded_at,
        listed.position,
        listed.written
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join
        lateral unnest(
            {{ split_list('details.country') }}
        ) with ordinality as listed (written, position)
    where listed.written not in ('', 'N/A')
),

keyed as (
    select
        listed.imdb_id,
        listed.loaded_at,
        listed.position,
        coalesce(names.country_id, {{ readable_key('listed.written') }}) as country_id,
        coalesce(names.country_name, listed.written) as country_name
    from countries_of_movies as listed
    left join names on lower(listed.written) = names.written
)

select * from keyed
