with movies as (
    select * from {{ ref('movies') }}
),

counts as (
    select
        year,
        'rating' as dimension,
        (floor(imdb_rating * 2) / 2)::numeric(3, 1)::text as value,
        count(*) as movies
    from movies
    where imdb_rating is not null
    group by 1, 3
    {%- for dimension, names in [
        ('genre', 'genres'),
        ('country', 'countries'),
        ('language', 'languages'),
    ] %}
    union all
    select
        movies.year,
        '{{ dimension }}' as dimension,
        {{ names }}.{{ dimension }}_name as value,
        count(*) as movies
    from {{ ref('movie_' ~ names) }} as bridge
    inner join movies on bridge.imdb_id = movies.imdb_id
    inner join {{ ref(names) }} as {{ names }}
        on bridge.{{ dimension }}_id = {{ names }}.{{ dimension }}_id
    group by movies.year, {{ names }}.{{ dimension }}_name
    {%- endfor %}
),

rpt_movie_counts as (
    select * from counts
)

select * from rpt_movie_counts
