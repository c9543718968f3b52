with movies as (
    select * from {{ ref('movies') }}
),

details as (
    select * from {{ ref('stg_omdb__movies') }}
),

credits as (
    select
        movies.imdb_id,
        movies.loaded_at,
        lists.role,
        listed.position,
        listed.credit
    from movies
    inner join details on movies.imdb_id = details.imdb_id
    cross join
        lateral (
            values
            ('director', details.director),
            ('writer', details.writer),
            ('actor', details.actors)
        ) as lists (role, names)
    cross join
        lateral unnest(
            {{ split_list('lists.names', name_suffix()) }}
        ) with ordinality as listed (credit, position)
    where listed.credit not in ('', 'N/A')
),

read as (
    select
        imdb_id,
        loaded_at,
        role,
        position,
        {{ name_of_credit('credit') }} as person_name,
        {{ note_of_credit('credit') }} as note
    from credits
),

keyed as (
    select
        imdb_id,
        loaded_at,
        role,
        position,
        {{ name_key('person_name') }} as person_id,
        person_name,
        note
    from read
)

select * from keyed
