select
    sync_id,
    started_at,
    ended_at,
    outcome,
    {{ remove_control_characters('message') }} as message,
    requests,
    retries,
    responses_reused,
    daily_requests,
    requests_left_today,
    {{ clean_json('records') }} as records,
    rejects,
    unparsed_values,
    pending_titles,
    pending_searches,
    known_titles,
    tap_version,
    _sdc_batched_at as loaded_at
from (
    {{ raw_table('syncs') }}
) as source
