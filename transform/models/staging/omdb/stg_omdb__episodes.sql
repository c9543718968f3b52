select
    {{ title_columns() }},
    series_id,
    season,
    episode
from (
    {{ raw_table('episodes') }}
) as source
