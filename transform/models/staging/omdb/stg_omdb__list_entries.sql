select
    list,
    position,
    line,
    {{ remove_control_characters('title') }} as title,
    year,
    type,
    imdb_id,
    lookup_id,
    reason,
    {{ clean_json('columns') }} as columns,
    read_at,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('list_entries') }}
) as source
