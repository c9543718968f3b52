with movies as (
    select * from {{ ref('movies') }}
),

headlines as (
    select
        imdb_id,
        loaded_at,
        {{ headline_body('awards') }} as award_body,
        {{ headline_outcome('awards') }} as outcome,
        {{ headline_count('awards') }} as awards,
        false as is_total
    from movies
    where
        {{ awards_are_readable('awards') }}
        and {{ headline_outcome('awards') }} is not null
),

totals as (
    select
        movies.imdb_id,
        movies.loaded_at,
        'All' as award_body,
        counted.outcome,
        counted.awards,
        true as is_total
    from movies
    cross join
        lateral (
            values
            ('won', movies.award_wins),
            ('nominated', movies.award_nominations)
        ) as counted (outcome, awards)
    where counted.awards > 0
),

awards_of_movies as (
    select * from headlines
    union all
    select * from totals
)

select * from awards_of_movies
