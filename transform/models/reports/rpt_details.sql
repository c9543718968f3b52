-- Materialized, so that lists are made for the titles shown only.
with shown as materialized (
    select * from {{ ref('int_titles') }}
    where kind in ('movie', 'series', 'game')
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_details') }}
),

companies_of_titles as (
    select
        movie_companies.imdb_id,
        array_agg(companies.company_name order by movie_companies.position) as companies
    from {{ ref('movie_companies') }} as movie_companies
    inner join shown on movie_companies.imdb_id = shown.imdb_id
    inner join {{ ref('companies') }} as companies
        on movie_companies.company_id = companies.company_id
    group by movie_companies.imdb_id
),

people_of_titles as (
    select
        credits.imdb_id,
    {%- for role in ['director', 'writer', 'actor'] %}
    array_agg(credits.person_name order by credits.position) filter (
        where credits.role = '{{ role }}'
    ) as {{ role }}s,
    array_agg(credits.note order by credits.position) filter (
        where credits.role = '{{ role }}'
    ) as {{ role }}_notes{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('title_credits') }} as credits
    inner join shown on credits.imdb_id = shown.imdb_id and credits.kind = shown.kind
    group by credits.imdb_id
),

ratings_of_titles as (
    select
        ratings.imdb_id,
        jsonb_object_agg(ratings.rating_source, ratings.rating_text) as ratings
    from {{ ref('movie_ratings') }} as ratings
    inner join shown on ratings.imdb_id = shown.imdb_id
    group by ratings.imdb_id
),

history_of_titles as (
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
    having count(*) > 1
),

rpt_details as (
    select
        shown.imdb_id,
        shown.released,
        shown.plot,
        shown.awards,
        shown.poster_url,
        case when shown.kind = 'movie' then shown.website end as website,
        case when shown.kind = 'series' then shown.year_end end as year_end,
        case when shown.kind = 'series' then shown.total_seasons end as total_seasons,
        shown.fetched_at,
        coalesce(companies_of_titles.companies, '{}') as companies,
        coalesce(people_of_titles.directors, '{}') as directors,
        coalesce(people_of_titles.director_notes, '{}') as director_notes,
        coalesce(people_of_titles.writers, '{}') as writers,
        coalesce(people_of_titles.writer_notes, '{}') as writer_notes,
        coalesce(people_of_titles.actors, '{}') as actors,
        coalesce(people_of_titles.actor_notes, '{}') as actor_notes,
        coalesce(ratings_of_titles.ratings, '{}') as ratings,
        coalesce(history_of_titles.rating_history, '[]') as rating_history
    from shown
    left join companies_of_titles on shown.imdb_id = companies_of_titles.imdb_id
    left join people_of_titles on shown.imdb_id = people_of_titles.imdb_id
    left join ratings_of_titles on shown.imdb_id = ratings_of_titles.imdb_id
    left join history_of_titles on shown.imdb_id = history_of_titles.imdb_id
)

select * from rpt_details
