with list_entries as (
    select * from {{ ref('list_entries') }}
),

rpt_enriched_lists as (
    select
        list_entries.list,
        list_entries.position,
        list_entries.line,
        list_entries.listed_title,
        list_entries.listed_year,
        list_entries.listed_kind,
        list_entries.listed_imdb_id,
        list_entries.own_rating,
        list_entries.own_date,
        list_entries.imdb_id,
        list_entries.matched_by,
        list_entries.outcome,
        list_entries.reason,
        titles.title,
        titles.year,
        titles.kind,
        titles.genres,
        titles.directors,
        titles.actors,
        titles.countries,
        titles.runtime_minutes,
        coalesce(certificates.certificate_name, titles.rated) as certificate,
        titles.imdb_rating,
        titles.imdb_votes,
        titles.metascore,
        rotten_tomatoes.score::integer as rotten_tomatoes,
        titles.box_office,
        titles.award_wins,
        titles.award_nominations,
        titles.poster_url
    from list_entries
    -- One of them, should a title have changed its kind.
    left join lateral (
        select
            int_titles.*,
            {{ credit_names('int_titles.director_credits') }} as directors,
            {{ credit_names('int_titles.actor_credits') }} as actors
        from {{ ref('int_titles') }} as int_titles
        where int_titles.imdb_id = list_entries.imdb_id
        order by int_titles.loaded_at desc
        limit 1
    ) as titles on true
    left join {{ ref('certificates') }} as certificates
        on titles.certificate_id = certificates.certificate_id
    left join {{ ref('movie_ratings') }} as rotten_tomatoes
        on
            list_entries.imdb_id = rotten_tomatoes.imdb_id
            and rotten_tomatoes.rating_source = 'Rotten Tomatoes'
)

select * from rpt_enriched_lists
