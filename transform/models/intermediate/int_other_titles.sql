with titles as (
    {%- for kind, relation in [
        ('series', ref('stg_omdb__series')),
        ('episode', ref('stg_omdb__episodes')),
        ('game', ref('stg_omdb__games')),
    ] %}
    select
        '{{ kind }}' as kind,
        imdb_id,
        title,
        year,
        released,
        runtime_minutes,
        rated,
        genre,
        director,
        writer,
        actors,
        plot,
        language,
        country,
        awards,
        poster_url,
        metascore,
        imdb_rating,
        imdb_votes,
        merged_ids,
        unparsed,
        extra,
        fetched_at,
        loaded_at
    from {{ relation }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

country_names as (
    select * from {{ ref('int_country_names') }}
),

language_names as (
    select * from {{ ref('int_language_names') }}
),

certificate_names as (
    select * from {{ ref('int_certificate_names') }}
),

-- Lists stay with their title, as arrays of the names that the dimensions use.
read as (
    select
        titles.kind,
        titles.imdb_id,
        titles.title,
        titles.year,
        titles.released,
        titles.runtime_minutes,
        titles.rated,
        certificate_names.certificate_id,
        coalesce({{ split_list('titles.genre') }}, '{}') as genres,
        array(
            select {{ name_of_credit('listed.credit') }}
            from
                unnest({{ split_list('titles.director', name_suffix()) }})
                with ordinality as listed (credit, position)
            order by listed.position
        ) as directors,
        array(
            select {{ name_of_credit('listed.credit') }}
            from
                unnest({{ split_list('titles.writer', name_suffix()) }})
                with ordinality as listed (credit, position)
            order by listed.position
        ) as writers,
        array(
            select {{ name_of_credit('listed.credit') }}
            from
                unnest({{ split_list('titles.actors', name_suffix()) }})
                with ordinality as listed (credit, position)
            order by listed.position
        ) as actors,
        array(
            select coalesce(names.language_name, listed.written)
            from
                unnest({{ split_list('titles.language', language_suffix()) }})
                with ordinality as listed (written, position)
            left join language_names as names
                on lower({{ whole_language_name('listed.written') }}) = names.written
            order by listed.position
        ) as languages,
        array(
            select coalesce(names.country_name, listed.written)
            from
                unnest({{ split_list('titles.country') }})
                with ordinality as listed (written, position)
            left join country_names as names on lower(listed.written) = names.written
            order by listed.position
        ) as countries,
        titles.plot,
        titles.awards,
        {{ award_total('titles.awards', 'won') }} as award_wins,
        {{ award_total('titles.awards', 'nominated') }} as award_nominations,
        titles.poster_url,
        titles.metascore,
        titles.imdb_rating,
        titles.imdb_votes,
        titles.merged_ids,
        titles.unparsed,
        titles.extra,
        titles.fetched_at,
        titles.loaded_at
    from titles
    left join certificate_names
        on
            lower(titles.rated) = certificate_names.written
            and certificate_names.medium
            = case titles.kind when 'game' then 'game' else 'screen' end
)

select * from read
