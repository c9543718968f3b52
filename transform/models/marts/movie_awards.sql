{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_outdated_rows() }}",
        indexes=[
            {'columns': ['loaded_at']},
        ],
    )
}}

with titles as (
    select * from {{ ref('int_titles') }}
    where kind = 'movie'
),

-- The totals, and the award that the sentence's headline names.
movie_awards as (
    select
        titles.imdb_id,
        listed.award_body,
        listed.outcome,
        listed.awards,
        listed.is_total,
        titles.loaded_at
    from titles
    cross join
        lateral (
            values
            (
                {{ headline_body('titles.awards') }},
                {{ headline_outcome('titles.awards') }},
                case
                    when titles.award_wins is not null then {{ headline_count('titles.awards') }}
                end,
                false
            ),
            ('All', 'won', titles.award_wins, true),
            ('All', 'nominated', titles.award_nominations, true)
        ) as listed (award_body, outcome, awards, is_total)
    where
        listed.awards > 0
        {% if is_incremental() %}
        and {{ is_new_or_changed('titles', this) }}
        {% endif %}
)

select * from movie_awards
