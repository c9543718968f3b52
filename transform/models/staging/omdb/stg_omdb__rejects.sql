select
    reject_id,
    imdb_id,
    source,
    request,
    reason,
    message,
    http_status,
    payload,
    line_number,
    rejected_at,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('rejects') }}
) as source
