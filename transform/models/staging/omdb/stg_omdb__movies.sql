select
    {{ title_columns() }},
    dvd,
    box_office,
    {{ clean_text('production') }} as production,
    {{ na_to_null(remove_control_characters('website')) }} as website
from (
    {{ raw_table('movies') }}
) as source
