with source as (
    {%- for kind, table in [
        ('movie', 'movies'),
        ('series', 'series'),
        ('episode', 'episodes'),
        ('game', 'games'),
    ] %}
    select
        '{{ kind }}' as kind,
        {{ table }}.*
    from (
        {{ raw_table(table) }}
    ) as {{ table }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    kind,
    imdb_id,
    {{ clean_text('title') }} as title,
    year,
    year_end,
    total_seasons,
    {{ remove_control_characters('series_id') }} as series_id,
    season,
    episode,
    {{ clean_text('rated') }} as rated,
    released,
    {{ null_if_outside('runtime_minutes', 0, 99999) }} as runtime_minutes,
    {{ clean_text('genre') }} as genre,
    {{ clean_text('director') }} as director,
    {{ clean_text('writer') }} as writer,
    {{ clean_text('actors') }} as actors,
    {{ clean_text('plot') }} as plot,
    {{ clean_text('language') }} as language,
    {{ clean_text('country') }} as country,
    {{ clean_text('awards') }} as awards,
    {{ na_to_null(remove_control_characters('poster_url')) }} as poster_url,
    {{ remove_control_characters('ratings::text') }}::jsonb[] as ratings,
    {{ null_if_outside('metascore', 0, 100) }} as metascore,
    ({{ null_if_outside('imdb_rating', 1, 10) }})::numeric(3, 1) as imdb_rating,
    imdb_votes,
    dvd,
    box_office,
    {{ clean_text('production') }} as production,
    {{ na_to_null(remove_control_characters('website')) }} as website,
    merged_ids,
    case
        when
            imdb_rating not between 1 and 10
            or metascore not between 0 and 100
            or runtime_minutes not between 0 and 99999
            then
                coalesce({{ clean_json('unparsed') }}, '{}')
                || jsonb_strip_nulls(
                    jsonb_build_object(
                        'imdb_rating',
                        case when imdb_rating not between 1 and 10 then imdb_rating::text end,
                        'metascore',
                        case when metascore not between 0 and 100 then metascore::text end,
                        'runtime_minutes',
                        case
                            when runtime_minutes not between 0 and 99999
                                then runtime_minutes::text
                        end
                    )
                )
        else {{ clean_json('unparsed') }}
    end as unparsed,
    {{ clean_json('extra') }} as extra,
    matched_by,
    fetched_at,
    _sdc_batched_at as loaded_at
from source
