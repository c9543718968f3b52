-- What the raw tables must hold for some replies, read off them by Postgres: another way, in
-- another language than the tap's. Input: the table replies (asked_id text, reply jsonb).
-- Output: the view differences, with a row for each value that is not as it must be.

create function pg_temp.said(reply jsonb, key text) returns text language sql immutable as $$
    select case when reply ->> key !~ '^\s*(N/A)?\s*$' then reply ->> key end
$$;

create function pg_temp.whole(said text) returns bigint language sql immutable as $$
    select case when said ~ '^[\d,]+$' then replace(said, ',', '')::bigint end
$$;

create function pg_temp.day(said text) returns date language sql immutable as $$
    select case when said ~ '^\d\d? [A-Z][a-z]{2} \d{4}$' then to_date(said, 'DD Mon YYYY') end
$$;

create function pg_temp.minutes(said text) returns bigint language sql immutable as $$
    select case
        when said ~ '^(\d+ h)?( ?[\d,]+ min)?$'
        then (coalesce(substring(said from '(\d+) h'), '0')::bigint * 60)
            + coalesce(pg_temp.whole(substring(said from '([\d,]+) min')), 0)
    end
$$;

create function pg_temp.dollars(said text) returns bigint language sql immutable as $$
    select case
        when said ~ '^\$[\d,.]+[MK]?$'
        then (
            translate(said, '$,MK', '')::numeric
            * case right(said, 1) when 'M' then 1000000 when 'K' then 1000 else 1 end
        )::bigint
    end
$$;

create temp view typed as
select
    imdb_id,
    reply ->> 'Type' as type,
    reply,
    pg_temp.said(reply, key) as said,
    field,
    case kind
        when 'text' then to_jsonb(pg_temp.said(reply, key))
        when 'whole' then to_jsonb(pg_temp.whole(pg_temp.said(reply, key)))
        when 'number' then to_jsonb(pg_temp.said(reply, key)::numeric)
        when 'day' then to_jsonb(pg_temp.day(pg_temp.said(reply, key)))
        when 'minutes' then to_jsonb(pg_temp.minutes(pg_temp.said(reply, key)))
        when 'dollars' then to_jsonb(pg_temp.dollars(pg_temp.said(reply, key)))
        when 'first' then to_jsonb(substring(reply ->> key from '^\d{4}')::bigint)
        when 'last' then to_jsonb(substring(reply ->> key from '–(\d{4})$')::bigint)
        when 'end' then to_jsonb(substring(reply ->> key from '(\d{4})$')::bigint)
    end as value,
    kind not in ('last', 'end') as is_kept_if_unparsed
from
    (select distinct on (reply ->> 'imdbID') reply ->> 'imdbID' as imdb_id, reply from replies) r,
    (
        values
        ('imdb_id', 'imdbID', 'text', null),
        ('title', 'Title', 'text', null),
        ('type', 'Type', 'text', null),
        ('year', 'Year', 'first', null),
        ('year_end', 'Year', 'last', '{movie,game,episode}'),
        ('year_end', 'Year', 'end', '{series}'),
        ('rated', 'Rated', 'text', null),
        ('released', 'Released', 'day', null),
        ('runtime_minutes', 'Runtime', 'minutes', null),
        ('genre', 'Genre', 'text', null),
        ('director', 'Director', 'text', null),
        ('writer', 'Writer', 'text', null),
        ('actors', 'Actors', 'text', null),
        ('plot', 'Plot', 'text', null),
        ('language', 'Language', 'text', null),
        ('country', 'Country', 'text', null),
        ('awards', 'Awards', 'text', null),
        ('poster_url', 'Poster', 'text', null),
        ('metascore', 'Metascore', 'whole', null),
        ('imdb_rating', 'imdbRating', 'number', null),
        ('imdb_votes', 'imdbVotes', 'whole', null),
        ('dvd', 'DVD', 'day', null),
        ('box_office', 'BoxOffice', 'dollars', null),
        ('production', 'Production', 'text', null),
        ('website', 'Website', 'text', null),
        ('total_seasons', 'totalSeasons', 'whole', '{series}'),
        ('season', 'Season', 'whole', '{episode}'),
        ('episode', 'Episode', 'whole', '{episode}'),
        ('series_id', 'seriesID', 'text', '{episode}')
    ) as f (field, key, kind, types)
where types is null or reply ->> 'Type' = any(types::text[]);

create temp view expected as
select
    imdb_id,
    type,
    jsonb_object_agg(field, value)
    || jsonb_build_object(
        'ratings',
        (
            select jsonb_agg(
                jsonb_build_object('source', r ->> 'Source', 'value', r ->> 'Value') order by n
            )
            from jsonb_array_elements(reply -> 'Ratings') with ordinality as x (r, n)
        ),
        'merged_ids',
        (
            select jsonb_agg(asked_id order by asked_id)
            from replies
            where replies.reply ->> 'imdbID' = imdb_id and asked_id <> imdb_id
        ),
        'unparsed',
        jsonb_object_agg(field, said) filter (
            where said is not null and value is null and is_kept_if_unparsed
        ),
        'extra',
        nullif(
            reply - '{Title,Year,Rated,Released,Runtime,Genre,Director,Writer,Actors,Plot,Language,
                Country,Awards,Poster,Ratings,Metascore,imdbRating,imdbVotes,imdbID,Type,DVD,
                BoxOffice,Production,Website,Response}'::text[]
            - case type
                when 'series' then '{totalSeasons}'
                when 'episode' then '{Season,Episode,seriesID}'
                else '{}'
            end::text[],
            '{}'
        )
    ) as record
from typed
group by imdb_id, type, reply;

create temp view loaded as
select imdb_id, table_type as type, record - 'fetched_at' as record
from (
    select imdb_id, 'movie', to_jsonb(t) from demo_raw.movies t
    union all
    select imdb_id, 'series', to_jsonb(t) from demo_raw.series t
    union all
    select imdb_id, 'episode', to_jsonb(t) from demo_raw.episodes t
    union all
    select imdb_id, 'game', to_jsonb(t) from demo_raw.games t
) as tables (imdb_id, table_type, record);

create temp view differences as
select imdb_id, key, loaded.record -> key as loaded, expected.record -> key as expected
from
    loaded
    full join expected using (imdb_id, type),
    jsonb_object_keys(
        coalesce(loaded.record, '{"imdb_id": 0}') || coalesce(expected.record, '{"imdb_id": 0}')
    ) as key
where
    key not like '\_sdc\_%'
    and loaded.record -> key is distinct from expected.record -> key;
