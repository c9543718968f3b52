{{ config(materialized='table', tags=['replaced']) }}

with series as (
    select * from {{ ref('series') }}
),

episodes as (
    select * from {{ ref('episodes') }}
    where series_id is not null and season is not null
),

-- The seasons that OMDb counts, and those that have episodes: neither list is complete.
-- (The limits here and below are far above real values; they keep a bad one from adding many rows.)
numbered as (
    select
        series.imdb_id as series_id,
        counted.season
    from series
    cross join lateral generate_series(1, series.total_seasons) as counted (season)
    where series.total_seasons <= 1000
    union
    select
        series_id,
        season
    from episodes
),

known as (
    select
        series_id,
        season,
        count(*) as episodes,
        min(released) as first_released,
        max(released) as last_released,
        max(episode) as last_episode,
        count(imdb_rating) as rated_episodes,
        round(avg(imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
        {%- for name, order in [('best', 'desc'), ('worst', 'asc')] %}
        {%- for column in ['imdb_id', 'title', 'imdb_rating'] %}
        (
            array_agg(
                {{ column }}
                order by imdb_rating {{ order }}, imdb_votes desc nulls last, imdb_id asc
            ) filter (where imdb_rating is not null)
        )[1] as {{ name }}_{{ column }},
        {%- endfor %}
        {%- endfor %}
        array_agg(distinct episode) filter (where episode is not null) as episode_numbers
    from episodes
    group by series_id, season
),

seasons as (
    select
        numbered.series_id,
        numbered.season,
        coalesce(known.episodes, 0) as episodes,
        known.first_released,
        known.last_released,
        known.last_episode,
        array(
            select expected.episode
            from generate_series(1, known.last_episode) as expected (episode)
            where
                known.last_episode <= 10000
                and expected.episode <> all(known.episode_numbers)
            order by expected.episode
        ) as missing_episodes,
        coalesce(known.rated_episodes, 0) as rated_episodes,
        known.average_imdb_rating,
        known.best_imdb_id,
        known.best_title,
        known.best_imdb_rating,
        known.worst_imdb_id,
        known.worst_title,
        known.worst_imdb_rating
    from numbered
    left join known
        on numbered.series_id = known.series_id and numbered.season = known.season
)

select * from seasons
