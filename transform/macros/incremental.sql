{#
  How incremental models find out what to do.

  Each row of a mart has `loaded_at`: when the loader wrote the title that it comes from. The
  rows of a title are up to date if their `loaded_at` equals the title's. So a build does not
  rely on the previous one having succeeded, and a title that arrives late, or loses an item
  of a list, needs no special treatment.
#}

{# Titles loaded before this time are already in `existing`. A literal, because the planner then
   knows from the statistics that few rows are newer. #}
{% macro incremental_cutoff(existing) -%}
    {%- set newest = run_query('select max(loaded_at) from ' ~ existing).columns[0][0] -%}
    {%- if newest is none -%}
        timestamp '-infinity'
    {%- else -%}
        timestamp '{{ newest }}' - interval '{{ var("lookback") }}'
    {%- endif -%}
{%- endmacro %}


{# Whether `existing` lacks the current version of a title. #}
{% macro is_new_or_changed(titles, existing) -%}
    {%- if existing is none -%} {# not built yet #}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ incremental_cutoff(existing) }}
        and not exists (
            select 1
            from {{ existing }} as existing
            where
                existing.imdb_id = {{ titles }}.imdb_id
                and existing.loaded_at = {{ titles }}.loaded_at
        )
    {%- endif -%}
{%- endmacro %}


{#
  Whether `existing` lacks the current version of the movie that a row belongs to. The subquery
  selects these movies first, so that the planner reads and splits the texts of no others. (This
  works only if the rows come from a plain select: a subquery with its own WITH is planned
  separately, for all movies.)

  If few movies have such rows at all, pass a CTE of those movies as `candidates`: a movie
  without rows looks like one that is not built yet, so every build would process it again.
#}
{% macro is_new_or_changed_movie(rows, existing, candidates=none) -%}
    {{ rows }}.imdb_id in (
        with new_or_changed_movies as materialized (
            select movies.imdb_id
            from {{ adapter.get_relation(this.database, this.schema, 'movies') }} as movies
            where
                {{ is_new_or_changed('movies', existing) }}
                {%- if candidates %}
                and movies.imdb_id in (select {{ candidates }}.imdb_id from {{ candidates }})
                {%- endif %}
        )

        select new_or_changed_movies.imdb_id from new_or_changed_movies
    )
{%- endmacro %}


{#
  The same for a dimension. Its rows belong to no movie, so it checks the bridge table, which is
  built after it. Not by ref(), because the bridge already references the dimension.
#}
{% macro is_new_or_changed_in_bridge(rows, bridge, candidates=none) -%}
    {{
        is_new_or_changed_movie(
            rows, adapter.get_relation(this.database, this.schema, bridge), candidates
        )
    }}
{%- endmacro %}


{#
  Pre-hook of a bridge table: deletes the rows of titles that have been loaded again since. Keeps
  the deleted rows' values of `key`, if given, for delete_orphans.
#}
{% macro delete_outdated_rows(key=none) -%}
    {%- if is_incremental() -%}
        {%- set outdated -%}
            movies.imdb_id = existing.imdb_id
            and movies.loaded_at >= {{ incremental_cutoff(this) }}
            and movies.loaded_at <> existing.loaded_at
        {%- endset -%}
        {% if key %}
        create temporary table {{ this.identifier }}_deleted on commit drop as
        select distinct existing.{{ key }}
        from {{ this }} as existing, {{ ref('movies') }} as movies
        where {{ outdated }};
        {% endif %}

        delete from {{ this }} as existing
        using {{ ref('movies') }} as movies
        where {{ outdated }}
    {%- endif -%}
{%- endmacro %}


{# Post-hook of a bridge table: deletes dimension rows that no row of the bridge references now. #}
{% macro delete_orphans(dimension, key, keep_if='false') -%}
    {%- if is_incremental() -%}
        delete from {{ dimension }} as dimension
        using {{ this.identifier }}_deleted as deleted
        where
            dimension.{{ key }} = deleted.{{ key }}
            and not ({{ keep_if }})
            and not exists (
                select 1 from {{ this }} as existing where existing.{{ key }} = dimension.{{ key }}
            )
    {%- endif -%}
{%- endmacro %}


{#
  Whether a title has been loaded, and requested from OMDb, since its last version in the
  snapshot. A response that is older than that version is not a change.
#}
{% macro is_changed_since_snapshot(titles) -%}
    {%- set history = adapter.get_relation(
        this.database, target.schema ~ '_snapshots', 'movie_metrics'
    ) -%}
    {%- if history is none -%}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ incremental_cutoff(history) }}
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
  Overrides dbt's macro, which reads all current versions, so that only those of changed titles
  are looked up.
#}
{% macro postgres__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{
        default__snapshot_staging_table(strategy, source_sql, target_relation)
        | replace('snapshotted_data as (', 'snapshotted_data as not materialized (')
    }}
{%- endmacro %}


{# Post-hook: collects statistics of a new table, which autovacuum would do only later. #}
{% macro analyze_new_table() -%}
    {%- if config.get('materialized') in ('table', 'incremental') and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
