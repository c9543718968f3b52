select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    {{ surrogate_key('listed.company_name') }} as company_id,
    listed.company_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as staged on movies.imdb_id = staged.imdb_id
cross join
    lateral (
        select *
        from
            unnest({{ split_list('staged.production', company_suffix_pattern()) }})
            with ordinality
    ) as listed (company_name, position)
where listed.company_name not in ('', 'N/A')
