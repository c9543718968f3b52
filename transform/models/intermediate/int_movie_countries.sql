select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    coalesce(names.country_id, {{ readable_key('listed.written') }}) as country_id,
    coalesce(names.country_name, listed.written) as country_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as details on movies.imdb_id = details.imdb_id
cross join
    lateral (
        select * from unnest({{ split_list('details.country') }}) with ordinality
    ) as listed (written, position)
left join {{ ref('int_country_names') }} as names on lower(listed.written) = names.written
where listed.written not in ('', 'N/A')
