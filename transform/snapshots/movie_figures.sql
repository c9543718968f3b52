{% snapshot movie_figures %}

{{
    config(
        strategy='check',
        unique_key='imdb_id',
        updated_at='fetched_at',
        check_cols=['imdb_rating', 'imdb_votes', 'metascore', 'rotten_tomatoes', 'box_office'],
    )
}}

with movies as (
    select * from {{ ref('movies') }}
),

ratings as (
    select * from {{ ref('movie_ratings') }}
    where rating_source = 'Rotten Tomatoes'
),

figures as (
    select
        movies.imdb_id,
        movies.imdb_rating,
        movies.imdb_votes,
        movies.metascore,
        ratings.score::integer as rotten_tomatoes,
        movies.box_office,
        coalesce(movies.fetched_at, movies.loaded_at) as fetched_at,
        movies.loaded_at
    from movies
    left join ratings on movies.imdb_id = ratings.imdb_id
    where {{ has_news('movies', adapter.get_relation(this.database, this.schema, this.identifier)) }}
)

select * from figures

{% endsnapshot %}
