select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    {{ slugify('listed.genre_name') }} as genre_id,
    listed.genre_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as staged on movies.imdb_id = staged.imdb_id
cross join
    lateral (
        select * from unnest({{ split_list('staged.genre') }}) with ordinality
    ) as listed (genre_name, position)
where listed.genre_name not in ('', 'N/A')
