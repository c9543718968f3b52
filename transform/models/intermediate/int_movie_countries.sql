select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    coalesce(names.country_id, {{ slugify('listed.item') }}) as country_id,
    coalesce(names.country_name, listed.item) as country_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as staged on movies.imdb_id = staged.imdb_id
cross join
    lateral (
        select * from unnest({{ split_list('staged.country') }}) with ordinality
    ) as listed (item, position)
left join {{ ref('int_country_names') }} as names on lower(listed.item) = names.spelling
where listed.item not in ('', 'N/A')
