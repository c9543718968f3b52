select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    {{ readable_key('listed.genre_name') }} as genre_id,
    listed.genre_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as details on movies.imdb_id = details.imdb_id
cross join
    lateral (
        select * from unnest({{ split_list('details.genre') }}) with ordinality
    ) as listed (genre_name, position)
where listed.genre_name not in ('', 'N/A')
