-- Expected rows of the raw tables for given responses, parsed by Postgres, independently of the
-- tap's code. Input: the table responses (requested_id text, response jsonb). Output: the view differences,
-- one row per value that differs.

create function pg_temp.text_value(response jsonb, key text) returns text language sql immutable as $$
    select case when response ->> key !~ '^\s*(N/A)?\s*$' then response ->> key end
$$;

create function pg_temp.integer_value(original text) returns bigint language sql immutable as $$
    select case when original ~ '^[\d,]+$' then replace(original, ',', '')::bigint end
$$;

create function pg_temp.date_value(original text) returns date language sql immutable as $$
    select case when original ~ '^\d\d? [A-Z][a-z]{2} \d{4}$' then to_date(original, 'DD Mon YYYY') end
$$;

create function pg_temp.minutes_value(original text) returns bigint language sql immutable as $$
    select case
        when original ~ '^(\d+ h)?( ?[\d,]+ min)?$'
        then (coalesce(substring(original from '(\d+) h'), '0')::bigint * 60)
            + coalesce(pg_temp.integer_value(substring(original from '([\d,]+) min')), 0)
    end
$$;

create function pg_temp.dollars_value(original text) returns bigint language sql immutable as $$
    select case
        when original ~ '^\$[\d,.]+[MK]?$'
        then (
            translate(original, '$,MK', '')::numeric
            * case right(original, 1) when 'M' then 1000000 when 'K' then 1000 else 1 end
        )::bigint
    end
$$;

create temp view typed as
select
    imdb_id,
    response ->> 'Type' as type,
    response,
    pg_temp.text_value(response, key) as original,
    field,
    case kind
        when 'text' then to_jsonb(pg_temp.text_value(response, key))
        when 'integer' then to_jsonb(pg_temp.integer_value(pg_temp.text_value(response, key)))
        when 'number' then to_jsonb(pg_temp.text_value(response, key)::numeric)
        when 'date' then to_jsonb(pg_temp.date_value(pg_temp.text_value(response, key)))
        when 'minutes' then to_jsonb(pg_temp.minutes_value(pg_temp.text_value(response, key)))
        when 'dollars' then to_jsonb(pg_temp.dollars_value(pg_temp.text_value(response, key)))
        when 'first' then to_jsonb(substring(response ->> key from '^\d{4}')::bigint)
        when 'last' then to_jsonb(substring(response ->> key from '–(\d{4})$')::bigint)
        when 'end' then to_jsonb(substring(response ->> key from '(\d{4})$')::bigint)
    end as value,
    kind not in ('last', 'end') as is_kept_if_unparsed
from
    (select distinct on (response ->> 'imdbID') response ->> 'imdbID' as imdb_id, response from responses) r,
    (
        values
        ('imdb_id', 'imdbID', 'text', null),
        ('title', 'Title', 'text', null),
        ('type', 'Type', 'text', null),
        ('year', 'Year', 'first', null),
        ('year_end', 'Year', 'last', '{movie,game,episode}'),
        ('year_end', 'Year', 'end', '{series}'),
        ('rated', 'Rated', 'text', null),
        ('released', 'Released', 'date', null),
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
        ('metascore', 'Metascore', 'integer', null),
        ('imdb_rating', 'imdbRating', 'number', null),
        ('imdb_votes', 'imdbVotes', 'integer', null),
        ('dvd', 'DVD', 'date', null),
        ('box_office', 'BoxOffice', 'dollars', null),
        ('production', 'Production', 'text', null),
        ('website', 'Website', 'text', null),
        ('total_seasons', 'totalSeasons', 'integer', '{series}'),
        ('season', 'Season', 'integer', '{episode}'),
        ('episode', 'Episode', 'integer', '{episode}'),
        ('series_id', 'seriesID', 'text', '{episode}')
    ) as f (field, key, kind, types)
where types is null or response ->> 'Type' = any(types::text[]);

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
            from jsonb_array_elements(response -> 'Ratings') with ordinality as x (r, n)
        ),
        'merged_ids',
        (
            select jsonb_agg(requested_id order by requested_id)
            from responses
            where responses.response ->> 'imdbID' = imdb_id and requested_id <> imdb_id
        ),
        'unparsed',
        jsonb_object_agg(field, original) filter (
            where original is not null and value is null and is_kept_if_unparsed
        ),
        'extra',
        nullif(
            response - '{Title,Year,Rated,Released,Runtime,Genre,Director,Writer,Actors,Plot,Language,
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
group by imdb_id, type, response;

create temp view loaded as
select imdb_id, table_type as type, record - '{fetched_at,matched_by}'::text[] as record
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
