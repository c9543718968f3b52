-- Materialized, so that lists are made for the titles shown only.
with shown as materialized (
    select * from {{ ref('int_titles') }}
    where kind in ('movie', 'series', 'game')
    order by imdb_votes desc nulls last, imdb_id asc
    limit {{ var('report_details') }}
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
        coalesce(companies_of_title.companies, '{}') as companies,
        coalesce(people_of_title.directors, '{}') as directors,
        coalesce(people_of_title.director_notes, '{}') as director_notes,
        coalesce(people_of_title.writers, '{}') as writers,
        coalesce(people_of_title.writer_notes, '{}') as writer_notes,
        coalesce(people_of_title.actors, '{}') as actors,
        coalesce(people_of_title.actor_notes, '{}') as actor_notes,
        coalesce(ratings_of_title.ratings, '{}') as ratings,
        coalesce(history_of_title.rating_history, '[]') as rating_history
    from shown
    -- By index for each title: the tables have the rows of all.
    left join
        lateral (
            select array_agg(companies.company_name order by listed.position) as companies
            from {{ ref('movie_companies') }} as listed
            inner join {{ ref('companies') }} as companies
                on listed.company_id = companies.company_id
            where listed.imdb_id = shown.imdb_id
        ) as companies_of_title
        on true
    left join
        lateral (
            select
            {%- for role in ['director', 'writer', 'actor'] %}
            array_agg(credits.person_name order by credits.position) filter (
                where credits.role = '{{ role }}'
            ) as {{ role }}s,
            array_agg(credits.note order by credits.position) filter (
                where credits.role = '{{ role }}'
            ) as {{ role }}_notes{{ ',' if not loop.last }}
            {%- endfor %}
            from {{ ref('title_credits') }} as credits
            where credits.imdb_id = shown.imdb_id and credits.kind = shown.kind
        ) as people_of_title
        on true
    left join
        lateral (
            select jsonb_object_agg(ratings.rating_source, ratings.rating_text) as ratings
            from {{ ref('movie_ratings') }} as ratings
            where ratings.imdb_id = shown.imdb_id
        ) as ratings_of_title
        on true
    left join
        lateral (
            select
                jsonb_agg(
                    jsonb_build_array(
                        history.valid_from,
                        history.imdb_rating,
                        history.imdb_votes,
                        history.metascore
                    )
                    order by history.valid_from
                ) as rating_history
            from {{ ref('rating_history') }} as history
            where history.imdb_id = shown.imdb_id
            having count(*) > 1
        ) as history_of_title
        on true
)

select * from rpt_details
