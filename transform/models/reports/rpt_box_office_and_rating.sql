with movies as (
    select * from {{ ref('movies') }}
),

rpt_box_office_and_rating as (
    select
        imdb_id,
        title,
        year,
        box_office,
        imdb_rating,
        imdb_votes
    from movies
    where box_office > 0 and imdb_rating is not null
    order by box_office desc, imdb_id asc
    limit 1000
)

select * from rpt_box_office_and_rating
