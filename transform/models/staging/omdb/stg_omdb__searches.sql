select
    search_id,
    search_term,
    year,
    type,
    total_results,
    pages_read,
    hits,
    new_titles,
    missed,
    is_complete,
    {{ remove_control_characters('error') }} as error,
    searched_at,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('searches') }}
) as source
