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
{{ each_credit('details') }}
