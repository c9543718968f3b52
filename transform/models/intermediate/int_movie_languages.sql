with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

names as (
    select * from {{ ref('int_language_names') }}
),

languages_of_movies as (
    select
        movies.imdb_id,
        movies.loaded_at,
        listed.position,
        {{ whole_language_name('listed.written') }} as written
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join
        lateral unnest(
            {{ split_list('details.language', language_suffix()) }}
        ) with ordinality as listed (written, position)
    where listed.written not in ('', 'N/A')
),

keyed as (
    select
        listed.imdb_id,
        listed.loaded_at,
        listed.position,
        coalesce(names.language_id, {{ readable_key('listed.written') }}) as language_id,
        coalesce(names.language_name, listed.written) as language_name
    from languages_of_movies as listed
    left join names on lower(listed.written) = names.written
)

select * from keyed
