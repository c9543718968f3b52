select
    movies.imdb_id,
    movies.loaded_at,
    lists.role,
    listed.position,
    {{ name_key(name_of_credit('listed.credit')) }} as person_id,
    {{ name_of_credit('listed.credit') }} as person_name,
    {{ note_of_credit('listed.credit') }} as note
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as details on movies.imdb_id = details.imdb_id
cross join
    lateral (
        values
        ('director', details.director),
        ('writer', details.writer),
        ('actor', details.actors)
    ) as lists (role, names)
cross join
    lateral (
        select * from unnest({{ split_list('lists.names', name_suffix()) }}) with ordinality
    ) as listed (credit, position)
where listed.credit not in ('', 'N/A')
