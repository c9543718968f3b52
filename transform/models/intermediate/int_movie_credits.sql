select
    movies.imdb_id,
    movies.loaded_at,
    lists.role,
    listed.position,
    {{ surrogate_key(credit_name('listed.credit')) }} as person_id,
    {{ credit_name('listed.credit') }} as person_name,
    {{ credit_note('listed.credit') }} as note
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as staged on movies.imdb_id = staged.imdb_id
{{ unnest_credits('staged') }}
