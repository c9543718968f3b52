select
    reject_id,
    imdb_id,
    source,
    request,
    reason,
    {{ remove_control_characters('message') }} as message,
    http_status,
    {{ remove_control_characters('payload') }} as payload,
    line_number,
    rejected_at,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('rejects') }}
) as source
