{{ config(materialized='table', tags=['replaced']) }}

-- A changed list is loaded as a whole, so that its last version has all of its rows.
with entries as (
    select *
    from (
        select
            *,
            max(read_at) over (partition by list) as list_read_at
        from {{ ref('stg_omdb__list_entries') }}
    ) as versions
    where read_at = list_read_at and position > 0
),

lookups as (
    select * from {{ ref('stg_omdb__lookups') }}
),

rejects as (
    select * from {{ ref('stg_omdb__rejects') }}
),

-- OMDb returns a title for its own id, and for others that were merged into it.
titles as (
    select distinct on (listed.imdb_id)
        listed.imdb_id as listed_imdb_id,
        titles.imdb_id
    from {{ ref('int_titles') }} as titles
    cross join
        lateral (
            select
                titles.imdb_id,
                0 as place
            union all
            select
                merged.imdb_id,
                1 as place
            from unnest(titles.merged_ids) as merged (imdb_id)
        ) as listed
    order by listed.imdb_id, listed.place
),

-- The lists' columns by plain name: "Your Rating", your_rating and yourRating are the same.
named as (
    select
        entries.list,
        entries.position,
        jsonb_object_agg(cell.name, cell.value) as cells,
        bool_or(cell.name = 'movieid')
        and bool_or(cell.name = 'averagerating') as is_movielens
    from entries
    cross join
        lateral (
            select
                translate(lower(key), ' _-', '') as name,
                btrim(value) as value
            from jsonb_each_text(entries.columns)
        ) as cell
    where cell.value <> ''
    group by entries.list, entries.position
),

-- Ratings as the lists have them, the best first, with the factor that makes 10 the highest.
given_ratings as (
    select
        named.list,
        named.position,
        given.place,
        case
            when given.rating ~ '^[0-9]{1,2}([.,][0-9]{1,9})?$'
                then given.factor * replace(given.rating, ',', '.')::numeric
        end as rating
    from named
    cross join
        lateral (
            values
            (1, named.cells ->> 'yourrating', 1), -- IMDb, TMDB
            (2, named.cells ->> 'rating10', 1), -- what Letterboxd imports
            (3, case when named.cells ? 'letterboxduri' then named.cells ->> 'rating' end, 2),
            (4, case when named.cells ? 'ratedat' then named.cells ->> 'rating' end, 1), -- Trakt
            (5, named.cells ->> 'userrating', 1), -- Plex, Kodi
            (6, case when named.is_movielens then named.cells ->> 'rating' end, 2),
            (7, case when named.is_movielens then named.cells ->> 'averagerating' end, 2)
        ) as given (place, rating, factor)
),

own_ratings as (
    select distinct on (list, position)
        list,
        position,
        rating
    from given_ratings
    where rating between 0.1 and 10
    order by list, position, place
),

own_dates as (
    select distinct on (named.list, named.position)
        named.list,
        named.position,
        -- Added day by day, because Postgres refuses to read February 30.
        (left(given.date, 8) || '01')::date + substr(given.date, 9, 2)::integer - 1 as date
    from named
    cross join
        lateral (
            values
            {%- for name in [
                'daterated', 'ratedat', 'watcheddate', 'datewatched', 'watchedat',
                'lastwatchedat', 'lastplayed', 'created', 'listedat', 'dateadded',
            ] %}
            ({{ loop.index }}, named.cells ->> '{{ name }}'),
            {%- endfor %}
            (99, case when named.cells ? 'letterboxduri' then named.cells ->> 'date' end)
        ) as given (place, date)
    where given.date ~ '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
    order by named.list, named.position, given.place
),

list_entries as (
    select
        entries.list,
        entries.position,
        entries.line,
        entries.title as listed_title,
        entries.year as listed_year,
        entries.type as listed_kind,
        entries.imdb_id as listed_imdb_id,
        titles.imdb_id,
        case
            when titles.imdb_id is null then null
            when entries.imdb_id is null then lookups.matched_by
            else 'imdb_id'
        end as matched_by,
        case
            when entries.reason is not null then 'invalid'
            when titles.imdb_id is not null then 'found'
            when lookups.outcome <> 'found' then lookups.outcome
            when rejects.reason in ('not_found', 'incorrect_id', 'no_data') then 'not_found'
            else 'pending'
        end as outcome,
        case
            when titles.imdb_id is null
                then coalesce(entries.reason, lookups.message, rejects.message)
        end as reason,
        own_ratings.rating::numeric(4, 2) as own_rating,
        own_dates.date as own_date,
        entries.columns,
        entries.read_at
    from entries
    left join lookups on entries.lookup_id = lookups.lookup_id
    left join titles on coalesce(entries.imdb_id, lookups.imdb_id) = titles.listed_imdb_id
    left join rejects on 'i=' || entries.imdb_id = rejects.reject_id
    left join own_ratings
        on entries.list = own_ratings.list and entries.position = own_ratings.position
    left join own_dates
        on entries.list = own_dates.list and entries.position = own_dates.position
)

select * from list_entries
