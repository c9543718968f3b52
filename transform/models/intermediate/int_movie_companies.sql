with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

companies_of_movies as (
    select
        movies.imdb_id,
        movies.loaded_at,
        listed.position,
        listed.company_name
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join
        lateral unnest(
            {{ split_list('details.production', company_suffix()) }}
        ) with ordinality as listed (company_name, position)
    where listed.company_name not in ('', 'N/A')
),

keyed as (
    select
        imdb_id,
        loaded_at,
        position,
        {{ name_key('company_name') }} as company_id,
        company_name
    from companies_of_movies
)

select * from keyed
