-- What person_summary and person_role_summary show. It takes long to add up, and is therefore kept.
{{
    config(
        schema='intermediate',
        access='protected',
        contract={'enforced': false},
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='person_id',
        post_hook="
            delete from {{ this }} as built
            where not exists (
                select 1 from {{ ref('people') }} as people where people.person_id = built.person_id
            )
        ",
        indexes=[
            {'columns': ['person_id']},
            {'columns': ['person_name']},
        ],
    )
}}

with credits as (
    select * from {{ ref('movie_credits') }}
),

-- Differs as soon as a credit is added, loaded again or deleted.
versions as (
    select
        person_id,
        count(*) as credits,
        sum((date_part('epoch', loaded_at) * 1000000)::bigint) as loaded
    from credits
    group by person_id
),

changed as (
    select * from versions
    {% if is_incremental() %}
    where not exists (
            select 1 from {{ this }} as built
            where
                built.person_id = versions.person_id
                and built.credits = versions.credits
                and built.loaded = versions.loaded
        )
    {% endif %}
),

-- A person may have several roles in a movie, and a writer with two notes is listed twice.
movies_of_people as (
    select
        credits.person_id,
        credits.imdb_id,
        bool_or(credits.role = 'director') as directed,
        bool_or(credits.role = 'writer') as wrote,
        bool_or(credits.role = 'actor') as acted
    from credits
    inner join changed on credits.person_id = changed.person_id
    group by credits.person_id, credits.imdb_id
),

figures as (
    select
        movies_of_people.person_id,
        counted.role,
        {{ movie_figures('movies') }},
        count(*) filter (where movies_of_people.directed) as movies_directed,
        count(*) filter (where movies_of_people.wrote) as movies_written,
        count(*) filter (where movies_of_people.acted) as movies_acted
    from movies_of_people
    inner join {{ ref('movies') }} as movies on movies_of_people.imdb_id = movies.imdb_id
    cross join
        lateral (
            values
            (null, true),
            ('director', movies_of_people.directed),
            ('writer', movies_of_people.wrote),
            ('actor', movies_of_people.acted)
        ) as counted (role, has_role)
    where counted.has_role
    group by movies_of_people.person_id, counted.role
),

person_figures as (
    select
        figures.*,
        people.person_name,
        changed.credits,
        changed.loaded
    from figures
    inner join changed on figures.person_id = changed.person_id
    inner join {{ ref('people') }} as people on figures.person_id = people.person_id
)

select * from person_figures
