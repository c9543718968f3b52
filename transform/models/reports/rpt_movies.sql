-- Materialized, so that lists are made for the movies shown only.
with shown as materialized (
    select
        *,
        row_number() over (order by imdb_votes desc nulls last, imdb_id asc) as position
    from {{ ref('movies') }}
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_movies') }}
),

{% for dimension, names in [
    ('genre', 'genres'),
    ('country', 'countries'),
    ('language', 'languages'),
    ('company', 'companies'),
] -%}
{{ names }}_of_movies as (
    select
        bridge.imdb_id,
        array_agg({{ names }}.{{ dimension }}_name order by bridge.position) as {{ names }}
    from {{ ref('movie_' ~ names) }} as bridge
    inner join shown on bridge.imdb_id = shown.imdb_id
    inner join {{ ref(names) }} as {{ names }}
        on bridge.{{ dimension }}_id = {{ names }}.{{ dimension }}_id
    group by bridge.imdb_id
),

{% endfor -%}
people_of_movies as (
    select
        credits.imdb_id,
    {%- for role in ['director', 'writer', 'actor'] %}
    array_agg(people.person_name order by credits.position) filter (
        where credits.role = '{{ role }}'
    ) as {{ role }}s{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('movie_credits') }} as credits
    inner join shown on credits.imdb_id = shown.imdb_id
    inner join {{ ref('people') }} as people on credits.person_id = people.person_id
    group by credits.imdb_id
),

ratings_of_movies as (
    select
        ratings.imdb_id,
        jsonb_object_agg(ratings.rating_source, ratings.rating_text) as ratings
    from {{ ref('movie_ratings') }} as ratings
    inner join shown on ratings.imdb_id = shown.imdb_id
    group by ratings.imdb_id
),

awards_of_movies as (
    select
        awards.imdb_id,
        jsonb_agg(
            jsonb_build_array(awards.award_body, awards.outcome, awards.awards)
            order by awards.awards desc, awards.award_body asc, awards.outcome asc
        ) as award_bodies
    from {{ ref('movie_awards') }} as awards
    inner join shown on awards.imdb_id = shown.imdb_id
    where not awards.is_total
    group by awards.imdb_id
),

history_of_movies as (
    select
        history.imdb_id,
        jsonb_agg(
            jsonb_build_array(
                history.valid_from, history.imdb_rating, history.imdb_votes, history.metascore
            )
            order by history.valid_from
        ) as rating_history
    from {{ ref('rating_history') }} as history
    inner join shown on history.imdb_id = shown.imdb_id
    group by history.imdb_id
),

rpt_movies as (
    select
        shown.position,
        shown.imdb_id,
        shown.title,
        shown.year,
        shown.released,
        shown.runtime_minutes,
        coalesce(certificates.certificate_name, shown.rated) as certificate,
        shown.plot,
        shown.imdb_rating,
        shown.imdb_votes,
        shown.box_office,
        shown.awards,
        shown.poster_url,
        shown.website,
        shown.fetched_at,
        coalesce(genres_of_movies.genres, '{}') as genres,
        coalesce(countries_of_movies.countries, '{}') as countries,
        coalesce(languages_of_movies.languages, '{}') as languages,
        coalesce(companies_of_movies.companies, '{}') as companies,
        coalesce(people_of_movies.directors, '{}') as directors,
        coalesce(people_of_movies.writers, '{}') as writers,
        coalesce(people_of_movies.actors, '{}') as actors,
        coalesce(ratings_of_movies.ratings, '{}') as ratings,
        coalesce(awards_of_movies.award_bodies, '[]') as award_bodies,
        coalesce(history_of_movies.rating_history, '[]') as rating_history
    from shown
    left join {{ ref('certificates') }} as certificates
        on shown.certificate_id = certificates.certificate_id
    {%- for lists in [
        'genres', 'countries', 'languages', 'companies', 'people', 'ratings', 'awards', 'history'
    ] %}
    left join {{ lists }}_of_movies on shown.imdb_id = {{ lists }}_of_movies.imdb_id
    {%- endfor %}
)

select * from rpt_movies
