-- Fails if more than one in 200 sentences about awards could not be parsed.
{{ config(severity='warn') }}

with sentences as (
    select
        count(*) as total,
        count(*) filter (where award_wins is null) as unparsed
    from {{ ref('movies') }}
    where awards is not null
)

select *
from sentences
where unparsed * 200 > total
