-- The movies mart has the totals; the headline is parsed here.
select
    movies.imdb_id,
    movies.loaded_at,
    listed.award_body,
    listed.outcome,
    listed.awards,
    listed.is_total
from {{ ref('movies') }} as movies
cross join
    lateral (
        values
        (
            {{ headline_body('movies.awards') }},
            {{ headline_outcome('movies.awards') }},
            case when movies.award_wins is not null then {{ headline_count('movies.awards') }} end,
            false
        ),
        ('All', 'won', movies.award_wins, true),
        ('All', 'nominated', movies.award_nominations, true)
    ) as listed (award_body, outcome, awards, is_total)
where listed.awards > 0
