select
    {{ title_columns() }},
    year_end,
    total_seasons
from (
    {{ raw_table('series') }}
) as source
