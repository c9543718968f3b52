{# The figures of a group of movies, for the summaries. #}
{% macro movie_figures(movies) -%}
    count(*) as movies,
    min({{ movies }}.year) as first_year,
    max({{ movies }}.year) as last_year,
    round(avg({{ movies }}.imdb_rating), 2)::numeric(4, 2) as average_imdb_rating,
    round(avg({{ movies }}.metascore), 1)::numeric(5, 1) as average_metascore,
    sum({{ movies }}.imdb_votes)::numeric(24, 0) as imdb_votes,
    sum({{ movies }}.box_office)::numeric(24, 0) as box_office,
    sum({{ movies }}.award_wins)::numeric(24, 0) as award_wins,
    count({{ movies }}.box_office) as movies_with_box_office
{%- endmacro %}
