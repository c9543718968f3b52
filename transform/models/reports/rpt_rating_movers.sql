with changes as (
    select * from {{ ref('rating_changes') }}
),

newest as (
    select max(valid_from) as valid_from from {{ ref('rating_history') }}
),

rpt_rating_movers as (
    select
        row_number() over (
            order by
                abs(changes.rating_change) desc,
                changes.imdb_votes desc nulls last,
                changes.imdb_id asc
        ) as position,
        changes.imdb_id,
        changes.title,
        changes.year,
        changes.previous_rating,
        changes.imdb_rating,
        changes.rating_change,
        changes.previous_votes,
        changes.imdb_votes,
        changes.changed_at
    from changes
    where
        changes.is_current
        and changes.changed_at > (select newest.valid_from - interval '30 days' from newest)
    order by position
    limit 20
)

select * from rpt_rating_movers
