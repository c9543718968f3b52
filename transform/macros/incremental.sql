{#
  What an incremental build has to do.

  A row of a mart carries `loaded_at`: when the loader wrote the title that it comes
  from. The title's rows are up to date while that is the title's own `loaded_at`.
  So no build depends on the one before having gone well, and a title that arrives
  late, shrinks or loses its last genre is treated like any other.
#}

{# From when on titles may be missing in, or newer than, the table `built`. A literal, because
   the planner then knows from the statistics that few rows follow. #}
{% macro look_from(built) -%}
    {%- set newest = run_query('select max(loaded_at) from ' ~ built).columns[0][0] -%}
    {%- if newest is none -%}
        timestamp '-infinity'
    {%- else -%}
        timestamp '{{ newest }}' - interval '{{ var("lookback") }}'
    {%- endif -%}
{%- endmacro %}


{# Whether the title of a row of `titles` is not in the table `built` as it is now. #}
{% macro is_due(titles, built) -%}
    {%- if built is none -%} {# not built yet #}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ look_from(built) }}
        and not exists (
            select 1
            from {{ built }} as built
            where
                built.imdb_id = {{ titles }}.imdb_id
                and built.loaded_at = {{ titles }}.loaded_at
        )
    {%- endif -%}
{%- endmacro %}


{#
  Whether a row of `rows`, which are made of movies, is of a movie that the table `built` does
  not have as it is now. Which movies those are is found out first: then the planner reads and
  splits the texts of those alone. (For that, what makes the rows must be a plain select: a
  subquery with a WITH of its own is planned by itself, for all movies.)

  Where few movies have rows at all, name the CTE of their ids: a movie without rows looks like
  one not yet built, so nearly all would be split again by each build.
#}
{% macro is_of_due_movie(rows, built, among=none) -%}
    {{ rows }}.imdb_id in (
        with due_movies as materialized (
            select movies.imdb_id
            from {{ adapter.get_relation(this.database, this.schema, 'movies') }} as movies
            where
                {{ is_due('movies', built) }}
                {%- if among %}
                and movies.imdb_id in (select {{ among }}.imdb_id from {{ among }})
                {%- endif %}
        )

        select due_movies.imdb_id from due_movies
    )
{%- endmacro %}


{#
  The same for a dimension, whose rows belong to no movie: it looks at what the bridge,
  built after it, still has to do. Not by ref(), as the bridge refers to the dimension.
#}
{% macro is_due_in_bridge(rows, bridge, among=none) -%}
    {{ is_of_due_movie(rows, adapter.get_relation(this.database, this.schema, bridge), among) }}
{%- endmacro %}


{#
  As a pre-hook of a bridge: takes out the rows of titles that have been loaded again
  since, and remembers the values of `key` that they had, if it is given.
#}
{% macro remove_outdated(key=none) -%}
    {%- if is_incremental() -%}
        {%- set outdated -%}
            movies.imdb_id = built.imdb_id
            and movies.loaded_at >= {{ look_from(this) }}
            and movies.loaded_at <> built.loaded_at
        {%- endset -%}
        {% if key %}
        create temporary table {{ this.identifier }}_removed on commit drop as
        select distinct built.{{ key }}
        from {{ this }} as built, {{ ref('movies') }} as movies
        where {{ outdated }};
        {% endif %}

        delete from {{ this }} as built
        using {{ ref('movies') }} as movies
        where {{ outdated }}
    {%- endif -%}
{%- endmacro %}


{# As a post-hook of a bridge: takes out of the dimension what only the removed rows had. #}
{% macro forget_unused(dimension, key, unless='false') -%}
    {%- if is_incremental() -%}
        delete from {{ dimension }} as dimension
        using {{ this.identifier }}_removed as removed
        where
            dimension.{{ key }} = removed.{{ key }}
            and not ({{ unless }})
            and not exists (
                select 1 from {{ this }} as built where built.{{ key }} = dimension.{{ key }}
            )
    {%- endif -%}
{%- endmacro %}


{#
  For movie_figures: whether a title has been loaded, and asked for, since its last version.
  A reply that is older than the version it would end is not a change.
#}
{% macro has_news(titles) -%}
    {%- set history = adapter.get_relation(
        this.database, target.schema ~ '_snapshots', 'movie_figures'
    ) -%}
    {%- if history is none -%}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ look_from(history) }}
        and not exists (
            select 1
            from {{ history }} as version
            where
                version.imdb_id = {{ titles }}.imdb_id
                and version.dbt_valid_from >= coalesce({{ titles }}.fetched_at, {{ titles }}.loaded_at)
        )
    {%- endif -%}
{%- endmacro %}


{#
  dbt's own macro, but for the versions that stand: dbt reads them all, and here only those of
  the titles that have news are looked up.
#}
{% macro postgres__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{
        default__snapshot_staging_table(strategy, source_sql, target_relation)
        | replace('snapshotted_data as (', 'snapshotted_data as not materialized (')
    }}
{%- endmacro %}


{# As a post-hook: tells the planner what is in a table that is new, which autovacuum does later. #}
{% macro analyze_new() -%}
    {%- if config.get('materialized') in ('table', 'incremental') and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
