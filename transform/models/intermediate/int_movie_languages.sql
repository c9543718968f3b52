select
    movies.imdb_id,
    movies.loaded_at,
    listed.position,
    coalesce(
        names.language_id, {{ slugify(full_language_name('listed.item')) }}
    ) as language_id,
    coalesce(names.language_name, {{ full_language_name('listed.item') }}) as language_name
from {{ ref('movies') }} as movies
inner join {{ ref('stg_omdb__movies') }} as staged on movies.imdb_id = staged.imdb_id
cross join
    lateral (
        select *
        from
            unnest({{ split_list('staged.language', language_suffix_pattern()) }})
            with ordinality
    ) as listed (item, position)
left join {{ ref('int_language_names') }} as names
    on lower({{ full_language_name('listed.item') }}) = names.spelling
where listed.item not in ('', 'N/A')
