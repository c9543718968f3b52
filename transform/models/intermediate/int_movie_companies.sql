select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    {{ name_key('listed.company_name') }} as company_id,
    listed.company_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as details on movies.imdb_id = details.imdb_id
cross join
    lateral (
        select *
        from
            unnest({{ split_list('details.production', company_suffix()) }})
            with ordinality
    ) as listed (company_name, position)
where listed.company_name not in ('', 'N/A')
