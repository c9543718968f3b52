-- The share of sentences about awards that could not be read, if it is above one in 200.
{{ config(severity='warn') }}

with sentences as (
    select
        count(*) as all_of_them,
        count(*) filter (where award_wins is null) as unread
    from {{ ref('movies') }}
    where awards is not null
)

select *
from sentences
where unread * 200 > all_of_them
