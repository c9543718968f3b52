{{
    config(
        materialized='incremental',
        incremental_strategy='append',
    )
}}

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

changed as (
    select
        {{ slugify('listed.name') }} as genre_id,
        min(listed.name) as genre_name
    from titles
    cross join lateral unnest(titles.genres) as listed (name)
    where
        listed.name not in ('', 'N/A')
        {% if is_incremental() %}
        and {{ is_new_or_changed_in_bridge('titles', 'movie_genres') }}
        {% endif %}
    group by 1
),

genres as (
    select
        genre_id,
        genre_name
    from changed
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where built.genre_id = changed.genre_id
        )
    {% endif %}
)

select * from genres
