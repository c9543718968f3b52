select
    lookup_id,
    {{ remove_control_characters('title') }} as title,
    year,
    type,
    imdb_id,
    matched_by,
    outcome,
    {{ remove_control_characters('message') }} as message,
    looked_up_at,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('lookups') }}
) as source
