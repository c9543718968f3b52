-- Responses from before 2016 have two fields instead of a list of ratings.
select
    titles.imdb_id,
    titles.loaded_at,
    listed.rating_source,
    listed.rating_text,
    case
        when listed.rating_source = 'Internet Movie Database' then titles.imdb_votes
    end as votes,
    {{ rating_score('listed.rating_text') }} as score,
    {{ rating_scale('listed.rating_text') }} as scale
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
                1 as preference
            from unnest(titles.ratings) as rating
            union all
            select
                'Internet Movie Database' as rating_source,
                titles.imdb_rating || '/10' as rating_text,
                2 as preference
            union all
            select
                'Metacritic' as rating_source,
                titles.metascore || '/100' as rating_text,
                2 as preference
        ) as given
        where
            given.rating_source is not null
            and given.rating_text is not null
        order by given.rating_source, given.preference
    ) as listed
where titles.kind = 'movie'
