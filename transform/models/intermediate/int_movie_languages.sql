select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    coalesce(
        names.language_id, {{ readable_key(whole_language_name('listed.written')) }}
    ) as language_id,
    coalesce(names.language_name, {{ whole_language_name('listed.written') }}) as language_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as details on movies.imdb_id = details.imdb_id
cross join
    lateral (
        select *
        from
            unnest({{ split_list('details.language', language_suffix()) }})
            with ordinality
    ) as listed (written, position)
left join {{ ref('int_language_names') }} as names
    on lower({{ whole_language_name('listed.written') }}) = names.written
where listed.written not in ('', 'N/A')
