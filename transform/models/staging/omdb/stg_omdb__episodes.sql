select
    {{ title_columns() }},
    {{ remove_control_characters('series_id') }} as series_id,
    season,
    episode
from (
    {{ raw_table('episodes') }}
) as source
