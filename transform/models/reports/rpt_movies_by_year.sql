with movies as (
    select * from {{ ref('movies') }}
),

rpt_movies_by_year as (
    select
        year,
        count(*) as movies,
        count(runtime_minutes) as movies_with_runtime,
        {%- for name, fraction in [
            ('runtime_lower_quartile', 0.25),
            ('median_runtime', 0.5),
            ('runtime_upper_quartile', 0.75),
        ] %}
    percentile_cont({{ fraction }}) within group (
        order by runtime_minutes
    )::numeric(6, 1) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    from movies
    where year is not null
    group by year
)

select * from rpt_movies_by_year
