{%- for kind, details in [
    ('series', ref('stg_omdb__series')),
    ('episode', ref('stg_omdb__episodes')),
    ('game', ref('stg_omdb__games')),
] %}
select
    details.imdb_id,
    '{{ kind }}' as kind,
    lists.role,
    listed.position,
    {{ name_key(name_of_credit('listed.credit')) }} as person_id,
    {{ name_of_credit('listed.credit') }} as person_name,
    {{ note_of_credit('listed.credit') }} as note
from {{ details }} as details
{{ each_credit('details') }}
{{ 'union all' if not loop.last }}
{%- endfor %}
