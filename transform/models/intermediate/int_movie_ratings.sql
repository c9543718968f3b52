-- Responses from before 2016 have two fields instead of a list of ratings.
select
    titles.imdb_id,
    titles.loaded_at,
    listed.rating_source,
    listed.rating_text,
    case
        when listed.rating_source = 'Internet Movie Database' then titles.imdb_votes
    end as votes,
    case
        when
            parsed.score <= parsed.scale
            -- IMDb's users give 1 to 10.
            and (parsed.score >= 1 or listed.rating_source <> 'Internet Movie Database')
            then parsed.score
    end as score,
    parsed.scale
from {{ ref('int_titles') }} as titles
cross join
    lateral (
        select distinct on (given.rating_source)
            given.rating_source,
            given.rating_text
        from (
            select
                {{ clean_text("(rating ->> 'source')") }} as rating_source,
                {{ clean_text("(rating ->> 'value')") }} as rating_text,
                position
            from unnest(titles.ratings) with ordinality as listed (rating, position)
            union all
            select
                'Internet Movie Database' as rating_source,
                titles.imdb_rating || '/10' as rating_text,
                1000 as position
            union all
            select
                'Metacritic' as rating_source,
                titles.metascore || '/100' as rating_text,
                1000 as position
        ) as given
        where
            given.rating_source is not null
            and given.rating_text is not null
        order by given.rating_source, given.position
    ) as listed
cross join
    lateral (
        values ({{ rating_score('listed.rating_text') }}, {{ rating_scale('listed.rating_text') }})
    ) as parsed (score, scale)
where titles.kind = 'movie'
