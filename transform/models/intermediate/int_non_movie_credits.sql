{%- for kind, staged in [
    ('series', ref('stg_omdb__series')),
    ('episode', ref('stg_omdb__episodes')),
    ('game', ref('stg_omdb__games')),
] %}
select
    staged.imdb_id,
    '{{ kind }}' as kind,
    lists.role,
    listed.position,
    {{ surrogate_key(credit_name('listed.credit')) }} as person_id,
    {{ credit_name('listed.credit') }} as person_name,
    {{ credit_note('listed.credit') }} as note
from {{ staged }} as staged
{{ unnest_credits('staged') }}
{{ 'union all' if not loop.last }}
{%- endfor %}
