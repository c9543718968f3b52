-- Movies with more awards or nominations from one award body than in total.
{{ config(severity='warn', store_failures=true) }}

with awards as (
    select * from {{ ref('movie_awards') }}
)

select
    named.imdb_id,
    named.award_body,
    named.outcome,
    named.awards as named,
    total.awards as total
from awards as named
left join awards as total
    on named.imdb_id = total.imdb_id and named.outcome = total.outcome and total.is_total
where not named.is_total and named.awards > coalesce(total.awards, 0)
