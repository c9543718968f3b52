select
    titles.imdb_id,
    titles.kind,
    titles.loaded_at,
    lists.role,
    listed.position,
    {{ surrogate_key('lower(' ~ credit_name('listed.credit') ~ ')') }} as person_id,
    {{ credit_name('listed.credit') }} as person_name,
    {{ credit_note('listed.credit') }} as note
from {{ ref('int_titles') }} as titles
cross join
    lateral (
        values
        ('director', titles.director_credits),
        ('writer', titles.writer_credits),
        ('actor', titles.actor_credits)
    ) as lists (role, credits)
cross join
    lateral (
        select * from unnest(lists.credits) with ordinality
    ) as listed (credit, position)
where listed.credit not in ('', 'N/A')
